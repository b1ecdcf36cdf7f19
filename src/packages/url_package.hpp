// Packages that were named by their url alone: what no channel said of them their archive says.
#pragma once

#include "base/result.hpp"
#include "conda/unpacked_package.hpp"
#include "packages/package_cache.hpp"

namespace hpcenv::packages {

/// The package with a whole record: that of a channel where the cache has it, else what
/// info/index.json says; url and hashes stay those that were asked for. In our own cache the record
/// is noted beside the package, for others to use. Kind refused for an archive that describes
/// itself wrongly.
Result<conda::UnpackedPackage> with_whole_record(conda::UnpackedPackage package,
                                                 const PackageCache& cache);

}  // namespace hpcenv::packages
