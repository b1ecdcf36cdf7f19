#include "host/libcuda_candidates.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "host/compat.hpp"
#include "host/loader_cache.hpp"

namespace hpcenv::host {

namespace {

/// Real libraries have 10 MB and more, NVIDIA's stubs 52 to 105 KB.
constexpr std::size_t stub_size_limit = std::size_t{200} << 10U;
/// Jetson names its library libcuda.so.1.1; driver branches have three digits.
constexpr std::uint64_t first_branch = 100;

std::vector<std::string> fixed_directories(const std::string& machine) {
  const std::string multiarch = "/usr/lib/" + machine + "-linux-gnu";
  std::vector<std::string> directories{
      multiarch,
      "/usr/lib64",
      "/lib64",
      "/usr/lib",
      "/usr/lib64/nvidia",
      multiarch + "/nvidia/current",
      "/run/opengl-driver/lib",
      "/usr/lib/wsl/lib",
      "/usr/local/nvidia/lib64",
      "/home/kubernetes/bin/nvidia/lib64",
      "/var/lib/nvidia/lib64",
      "/opt/cray/nvidia/default/lib64",
      "/.singularity.d/libs",
  };
  if (machine == "aarch64") {
    directories.push_back(multiarch + "/nvidia");
    directories.push_back(multiarch + "/tegra");
  }
  return directories;
}

/// A stub needs no library at all, is small, and lies where toolkits keep their stubs.
bool looks_like_stub(const LibraryFacts& library, const std::string& path,
                     const std::string& real_path) {
  if (library.size >= stub_size_limit) return false;
  const bool in_stubs =
      path.find("/stubs/") != std::string::npos || real_path.find("/stubs/") != std::string::npos;
  return in_stubs || (library.is_elf() && library.needed.empty());
}

std::vector<std::pair<std::string, std::string>> possible_paths(const HostReader& reader) {
  std::vector<std::pair<std::string, std::string>> paths;
  const std::string search =
      base::replace_all(reader.environment().get_or("LD_LIBRARY_PATH", ""), ";", ":");
  for (const std::string_view entry : base::split(search, ':')) {
    if (entry.empty()) continue;
    paths.emplace_back(std::string(entry) + "/" + libcuda_name, "LD_LIBRARY_PATH");
  }
  const std::string cache = reader.read_text("/etc/ld.so.cache").value_or("");
  for (std::string& path : paths_in_loader_cache(cache, libcuda_name, reader.machine())) {
    paths.emplace_back(std::move(path), "ld.so.cache");
  }
  for (const std::string& directory : fixed_directories(reader.machine())) {
    paths.emplace_back(directory + "/" + libcuda_name, "fixed list");
  }
  return paths;
}

}  // namespace

std::string driver_version_in(std::string_view file_name) {
  constexpr std::string_view prefix = "libcuda.so.";
  if (!file_name.starts_with(prefix)) return {};
  const std::string_view version = file_name.substr(prefix.size());
  const std::vector<std::string_view> numbers = base::split(version, '.');
  const bool all_numbers = std::ranges::all_of(
      numbers, [](std::string_view number) { return base::parse_unsigned(number).has_value(); });
  if (!all_numbers || numbers.size() < 2) return {};
  if (*base::parse_unsigned(numbers[0]) < first_branch) return {};
  return std::string(version);
}

LibcudaCandidate describe_libcuda(const HostReader& reader, const std::string& path,
                                  const std::string& found_in) {
  LibcudaCandidate candidate;
  candidate.path = path;
  candidate.real_path = reader.real_path(path).value_or(path);
  candidate.found_in = found_in;
  const std::size_t slash = candidate.real_path.rfind('/');
  candidate.file_version = driver_version_in(
      std::string_view(candidate.real_path).substr(slash == std::string::npos ? 0 : slash + 1));
  if (const std::optional<LibraryFacts> library = reader.library(path)) {
    candidate.is_stub = looks_like_stub(*library, path, candidate.real_path);
    candidate.compat = compat_note_of(*library);
  }
  return candidate;
}

std::vector<LibcudaCandidate> find_libcuda(const HostReader& reader) {
  std::vector<LibcudaCandidate> found;
  for (const auto& [path, found_in] : possible_paths(reader)) {
    if (!reader.exists(path)) continue;
    LibcudaCandidate candidate = describe_libcuda(reader, path, found_in);
    const bool known = std::ranges::any_of(found, [&](const LibcudaCandidate& other) {
      return other.real_path == candidate.real_path;
    });
    if (!known) found.push_back(std::move(candidate));
  }
  return found;
}

}  // namespace hpcenv::host
