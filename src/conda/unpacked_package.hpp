// A package that lies unpacked on this disk, ready to be linked.
#pragma once

#include <filesystem>

#include "conda/package_record.hpp"

namespace hpcenv::conda {

struct UnpackedPackage {
  PackageRecord record;
  std::filesystem::path directory;  ///< holds info/ and the files
  std::filesystem::path archive;    ///< where the archive would lie in the cache
                                    ///< (`package_tarball_full_path`); need not exist
};

}  // namespace hpcenv::conda
