// The package cache: conda's layout, no locks; a package appears by one rename when its
// hash is right (decision 5).
#pragma once

#include <cstdint>
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
  /// UnpackedPackage::paths of what lies in package(), for the one that is published.
  std::optional<std::vector<conda::PackagePath>> paths;

 private:
  std::filesystem::path directory_;
};

/// A directory that may hold unpacked packages.
struct CachePlace {
  std::filesystem::path directory;
  /// `named`: settings name it, so anybody may own it. `found`: only root or the user may.
  enum class Standing { named, found };
  Standing standing = Standing::named;
};

/// Whether packages of a cache that is not ours may be used (design.md decision 11): nothing where
/// they may, else why not. Nobody but its owner may be able to write to it or to replace it.
std::optional<std::string> distrust(const CachePlace& place);

struct CachedFile {
  std::filesystem::path path;
  std::uint64_t bytes = 0;   ///< on disk
  std::int64_t changed = 0;  ///< seconds since the epoch: the last change in it
};

/// One unpacked package, whoever made it.
struct CachedPackage {
  std::filesystem::path directory;
  std::string url;  ///< empty: half a package, which nothing uses
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;         ///< what deleting it frees: files that lie nowhere else
  std::uint64_t shared_bytes = 0;  ///< files with more than one name: environments have them too
};

struct CacheContents {
  std::vector<CachedPackage> packages;  ///< by name
  std::vector<CachedFile> archives;     ///< `.conda` and `.tar.bz2` files that other tools left
  std::vector<CachedFile> workspaces;   ///< of runs that go on or were killed
};

/// One directory of ours that packages are put into, and others that are only read: without
/// locks, and nothing in them is changed. Functions may be called from several threads and
/// processes at once.
class PackageCache {
 public:
  /// Makes the directory where it is missing and removes what killed runs left there more than a
  /// day ago; kind io where it cannot be written, refused where everybody can write to it.
  static Result<PackageCache> open(std::filesystem::path directory);
  /// The first place that can be written is ours, the others are only read: those that may not be
  /// used are left out, and `left_out` says which and why. Failures as those of the first place.
  static Result<PackageCache> open(const std::vector<CachePlace>& places);
  const std::filesystem::path& directory() const { return directory_; }
  const std::vector<std::filesystem::path>& read_only_directories() const { return read_only_; }
  /// Places that settings name and that are not used, one sentence each.
  const std::vector<std::string>& left_out() const { return left_out_; }
  /// A package whose repodata_record.json agrees in checksum (sha256, else md5), or where either
  /// side has none, in url; nothing is changed. Our own directory comes first.
  std::optional<conda::UnpackedPackage> find(const conda::PackageRecord& record) const;
  /// An archive of the record's file name and size that another tool left in one of the
  /// directories; a regular file, in others' directories one that nobody but its owner can write
  /// to. Only for a record with a checksum: what is in the file is for `is_archive_of`, and for
  /// unpacking, to judge.
  std::optional<std::filesystem::path> find_archive(const conda::PackageRecord& record) const;
  /// What lies in our own directory; reads it whole, with several threads.
  Result<CacheContents> contents() const;
  /// Takes a package, an archive or a workspace of `contents` out of sight by one rename, then
  /// deletes it. Kind usage for a path that is not directly in our own directory.
  Result<> discard(const std::filesystem::path& path) const;
  Result<Workspace> make_workspace() const;
  /// Makes the package visible by one rename, as NAME-VERSION-BUILD, or beside it with part of the
  /// checksum in its name where another archive of that name has the place. If the same package has
  /// appeared meanwhile, that one is used, or, with `replace`, moved aside and deleted.
  enum class Existing { keep, replace };
  Result<conda::UnpackedPackage> publish(Workspace workspace, const conda::PackageRecord& record,
                                         Existing existing = Existing::keep) const;

 private:
  explicit PackageCache(std::filesystem::path directory) : directory_(std::move(directory)) {}
  void sweep() const;

  std::filesystem::path directory_;
  std::vector<std::filesystem::path> read_only_;
  std::vector<std::string> left_out_;
};

/// Whether the file has the checksum of the record (sha256, else md5); reads it whole.
bool is_archive_of(const std::filesystem::path& file, const conda::PackageRecord& record);

}  // namespace hpcenv::packages
