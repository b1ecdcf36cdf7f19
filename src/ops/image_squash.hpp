// From an OCI layout that was made on the way to the squashfs file that was asked for.
#pragma once

#include <filesystem>

#include "base/reporter.hpp"
#include "base/result.hpp"
#include "image/oci.hpp"
#include "image/squashfs.hpp"

namespace hpcenv::ops {

/// Where the layers of the image lie until then, beside `out`: what a killed run has there is used.
std::filesystem::path layout_for_squashfs(const std::filesystem::path& out);
/// Makes `out` of that layout, and removes it.
Result<> squash_layout(const std::filesystem::path& out, const image::Platform& platform,
                       const image::SquashfsOptions& options, base::Reporter& reporter);

}  // namespace hpcenv::ops
