// Packages onto this disk: what the cache lacks is streamed from the channel through the
// digest into files.
#pragma once

#include <cstddef>
#include <vector>

#include "base/reporter.hpp"
#include "base/result.hpp"
#include "conda/unpacked_package.hpp"
#include "net/http.hpp"
#include "packages/content_check.hpp"
#include "packages/package_cache.hpp"

namespace hpcenv::packages {

struct FetchOptions {
  enum class Offline { no, yes };
  /// `yes`: packages that no cache holds and no file:// channel offers are kind not_found, all
  /// named at once, before anything is fetched.
  Offline offline = Offline::no;
  std::size_t workers = 0;  ///< packages unpacked at once; 0: as many as are of use here
  /// What is asked of packages that a cache holds. One that is damaged is fetched again, with a
  /// warning.
  CacheCheck check = CacheCheck::newer;
  SafetyChecks safety = SafetyChecks::enabled;
};

/// In the order of `records`. What no cache holds unpacked comes from an archive in one of them, if
/// it has the record's checksum, else from the channel. Kind refused for a wrong hash or size, a
/// damaged or unsafe archive (with url, expected and found); nothing of a refused package stays in
/// the cache.
Result<std::vector<conda::UnpackedPackage>> ensure_unpacked(
    const std::vector<conda::PackageRecord>& records, PackageCache& cache, net::HttpClient& client,
    base::Reporter& reporter, const FetchOptions& options = {});

}  // namespace hpcenv::packages
