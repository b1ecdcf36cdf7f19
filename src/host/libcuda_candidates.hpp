// Where a libcuda.so.1 lies on this machine, and what its file alone says.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/node_profile.hpp"
#include "host/reader.hpp"

namespace hpcenv::host {

/// The name that programs load: its path is not known before the loader was asked.
inline constexpr const char* libcuda_name = "libcuda.so.1";

/// LD_LIBRARY_PATH, then ld.so.cache, then the places where systems are known to have it; each real
/// file once, where it was found first. None is loaded: `is_stub` is what the file shows.
std::vector<LibcudaCandidate> find_libcuda(const HostReader& reader);
/// One more, for a path that the loader named.
LibcudaCandidate describe_libcuda(const HostReader& reader, const std::string& path,
                                  const std::string& found_in);
/// "libcuda.so.535.261.03" -> "535.261.03"; empty where the name holds no driver version.
std::string driver_version_in(std::string_view file_name);

}  // namespace hpcenv::host
