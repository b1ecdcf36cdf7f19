// /etc/ld.so.cache: which libraries the loader finds by name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hpcenv::host {

/// Paths of the entries for `soname` and `machine` ("x86_64", "aarch64"), in the cache's order.
/// Empty for a cache that cannot be read.
std::vector<std::string> paths_in_loader_cache(std::string_view cache, std::string_view soname,
                                               std::string_view machine);

}  // namespace hpcenv::host
