// One package from a source of bytes into the cache: digest, archive, record.
#pragma once

#include "base/archive.hpp"
#include "base/reporter.hpp"
#include "base/result.hpp"
#include "conda/unpacked_package.hpp"
#include "packages/content_check.hpp"
#include "packages/package_cache.hpp"

namespace hpcenv::packages {

struct UnpackRules {
  PackageCache::Existing existing = PackageCache::Existing::keep;
  SafetyChecks safety = SafetyChecks::enabled;
  base::Reporter* reporter = nullptr;  ///< hears what SafetyChecks::warn lets pass
};

/// Kind refused, with url, expected and found: wrong size, wrong sha256 (md5 where the record has
/// no sha256), damaged or unsafe archive, an info/index.json that names another package, files that
/// are not what info/paths.json says (as `safety` has it). Nothing is visible in the cache unless
/// it is whole. Failures of `source` are handed on. Checks nothing where the record has neither
/// checksum nor size: the caller warns.
Result<conda::UnpackedPackage> unpack_into(const PackageCache& cache,
                                           const conda::PackageRecord& record,
                                           const base::ByteSource& source,
                                           const UnpackRules& rules = {});

}  // namespace hpcenv::packages
