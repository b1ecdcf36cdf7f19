// A package that lies unpacked on this disk, ready to be linked.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "conda/package_record.hpp"
#include "conda/paths_json.hpp"

namespace hpcenv::conda {

struct UnpackedPackage {
  PackageRecord record;
  std::filesystem::path directory;  ///< holds info/ and the files
  std::filesystem::path archive;    ///< where the archive would lie in the cache
                                    ///< (`package_tarball_full_path`); need not exist
  /// The package's list after each path in it has been looked at: types are those on disk, sizes
  /// that stand there are right. Nothing where nobody has looked: then the list is still to be
  /// read.
  std::optional<std::vector<PackagePath>> paths;
};

}  // namespace hpcenv::conda
