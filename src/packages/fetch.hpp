// Packages onto this disk: what the cache lacks is streamed from the channel through the
// digest into files.
#pragma once

#include <vector>

#include "base/reporter.hpp"
#include "base/result.hpp"
#include "conda/unpacked_package.hpp"
#include "net/http.hpp"
#include "packages/package_cache.hpp"

namespace hpcenv::packages {

/// In the order of `records`. Kind refused for a wrong hash or size, a damaged or unsafe archive
/// (with url, expected and found); nothing of a refused package stays in the cache.
Result<std::vector<conda::UnpackedPackage>> ensure_unpacked(
    const std::vector<conda::PackageRecord>& records, PackageCache& cache, net::HttpClient& client,
    base::Reporter& reporter);

}  // namespace hpcenv::packages
