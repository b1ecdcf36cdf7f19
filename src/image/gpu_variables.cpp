#include "image/gpu_variables.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.hpp"

namespace hpcenv::image {

namespace {

/// Packages whose version is the toolkit's, the surest first.
constexpr auto toolkit_packages = std::to_array<std::string_view>(
    {"cuda-version", "cudatoolkit", "cuda-toolkit", "cuda-runtime", "cuda-cudart"});
/// Packages that are built for CPUs and for GPUs under one name, as their build strings tell.
constexpr auto two_fold_packages = std::to_array<std::string_view>(
    {"pytorch", "libtorch", "jaxlib", "tensorflow", "tensorflow-base", "xgboost", "py-xgboost",
     "libxgboost", "lightgbm", "onnxruntime", "faiss", "dgl", "pytorch3d", "torchvision",
     "torchaudio"});

/// "12.4.1" -> "12.4"
std::string major_minor(std::string_view version) {
  const std::vector<std::string_view> parts = base::split(version, '.');
  return parts.size() < 2 ? std::string(version) : fmt::format("{}.{}", parts[0], parts[1]);
}

bool asks_for_cuda(const conda::PackageRecord& record) {
  return std::ranges::any_of(record.depends, [](const std::string& spec) {
    return spec == "__cuda" || spec.starts_with("__cuda ");
  });
}

}  // namespace

std::optional<std::string> cuda_of(std::span<const conda::PackageRecord> records) {
  const bool is_for_gpus = std::ranges::any_of(records, [](const conda::PackageRecord& record) {
    return asks_for_cuda(record) || record.build.find("cuda") != std::string::npos ||
           record.name == "cudatoolkit" || record.name.starts_with("cuda-cudart");
  });
  if (!is_for_gpus) return std::nullopt;
  for (const std::string_view name : toolkit_packages) {
    const auto found = std::ranges::find(records, name, &conda::PackageRecord::name);
    if (found != records.end()) return major_minor(found->version);
  }
  return std::nullopt;
}

std::vector<std::string> cpu_builds(std::span<const conda::PackageRecord> records) {
  std::vector<std::string> found;
  for (const conda::PackageRecord& record : records) {
    if (std::ranges::find(two_fold_packages, record.name) == two_fold_packages.end()) continue;
    if (record.build.find("cpu") == std::string::npos) continue;
    found.push_back(fmt::format("{} {} {}", record.name, record.version, record.build));
  }
  return found;
}

std::string cuda_floor(const std::string& cuda) {
  const std::vector<std::string_view> parts = base::split(cuda, '.');
  const auto major = base::parse_unsigned(parts.front());
  // Before 11 a driver had to know the toolkit's very version.
  if (!major || *major < 11) return cuda;
  return fmt::format("{}.0", *major);
}

std::vector<std::string> gpu_variables(const std::string& cuda) {
  return {"NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=compute,utility",
          fmt::format("NVIDIA_REQUIRE_CUDA=cuda>={}", cuda_floor(cuda))};
}

}  // namespace hpcenv::image
