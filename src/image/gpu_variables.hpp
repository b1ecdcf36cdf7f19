// What the NVIDIA container toolkit and enroot read in an image's variables (facts: images.md D).
// Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "conda/package_record.hpp"

namespace hpcenv::image {

/// The CUDA toolkit of these packages: "12.4"; nothing where none of them is for NVIDIA GPUs.
std::optional<std::string> cuda_of(std::span<const conda::PackageRecord> records);

/// Packages that have builds for GPUs and are here in one for CPUs: "pytorch 2.5.1 cpu_generic_…".
std::vector<std::string> cpu_builds(std::span<const conda::PackageRecord> records);

/// NAME=VALUE: all devices; compute and utility (enroot gives the second alone otherwise); the
/// lowest CUDA that a driver has to know for the toolkit's major version, as a higher one would
/// stop containers that minor-version compatibility lets run. Never CUDA_VERSION, which older
/// images had and which changes what all this means. Inert where there is no such runtime.
std::vector<std::string> gpu_variables(const std::string& cuda);
/// "12.0" for every 12.x; the floor of `NVIDIA_REQUIRE_CUDA`.
std::string cuda_floor(const std::string& cuda);

}  // namespace hpcenv::image
