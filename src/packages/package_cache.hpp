// CONTRACT. The package cache: conda's layout, no locks; a package appears by one rename when its
// hash is right (decision 5).
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "conda/unpacked_package.hpp"

namespace hpcenv::packages {

class PackageCache {
 public:
  /// Makes the directory where it is missing; kind io where it cannot be written.
  static Result<PackageCache> open(std::filesystem::path directory);
  const std::filesystem::path& directory() const { return directory_; }
  /// A package whose repodata_record.json agrees in url or checksum; nothing is changed.
  std::optional<conda::UnpackedPackage> find(const conda::PackageRecord& record) const;

 private:
  explicit PackageCache(std::filesystem::path directory) : directory_(std::move(directory)) {}
  std::filesystem::path directory_;
};

}  // namespace hpcenv::packages
