// The package cache: conda's layout, no locks; a package appears by one rename when its
// hash is right (decision 5).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "conda/unpacked_package.hpp"

namespace hpcenv::packages {

/// A private place in the cache where one package is unpacked; it is deleted with the object.
class Workspace {
 public:
  explicit Workspace(std::filesystem::path directory) : directory_(std::move(directory)) {}
  Workspace(Workspace&& other) noexcept;
  Workspace& operator=(Workspace&&) = delete;
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace();
  /// The directory that becomes the package; exists and is empty at first.
  std::filesystem::path package() const { return directory_ / "package"; }
  const std::filesystem::path& directory() const { return directory_; }

 private:
  std::filesystem::path directory_;
};

/// Functions may be called from several threads and processes at once.
class PackageCache {
 public:
  /// Makes the directory where it is missing and removes what killed runs left there more than a
  /// day ago; kind io where it cannot be written.
  static Result<PackageCache> open(std::filesystem::path directory);
  const std::filesystem::path& directory() const { return directory_; }
  /// A package whose repodata_record.json agrees in checksum (sha256, else md5), or where either
  /// side has none, in url; nothing is changed.
  std::optional<conda::UnpackedPackage> find(const conda::PackageRecord& record) const;
  Result<Workspace> make_workspace() const;
  /// Makes the package visible by one rename, as NAME-VERSION-BUILD, or beside it with part of the
  /// checksum in its name where another archive of that name has the place. If the same package has
  /// appeared meanwhile, that one is used.
  Result<conda::UnpackedPackage> publish(Workspace workspace,
                                         const conda::PackageRecord& record) const;

 private:
  explicit PackageCache(std::filesystem::path directory) : directory_(std::move(directory)) {}
  /// Where a package may lie, the usual place first.
  std::vector<std::filesystem::path> places_of(const conda::PackageRecord& record) const;
  conda::UnpackedPackage package_at(const std::filesystem::path& place,
                                    const conda::PackageRecord& record) const;
  void sweep() const;

  std::filesystem::path directory_;
};

}  // namespace hpcenv::packages
