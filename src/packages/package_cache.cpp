#include "packages/package_cache.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <utility>

#include "base/fault.hpp"
#include "base/fs.hpp"
#include "base/hash.hpp"
#include "base/json.hpp"
#include "base/parallel.hpp"
#include "conda/channel.hpp"

namespace hpcenv::packages {

namespace {

constexpr std::string_view workspace_prefix = ".hpcenv-unpack-";
/// A workspace that nothing has touched for so long belongs to a killed run.
constexpr std::time_t abandoned_after = std::time_t{24} * 3600;

/// Whether the package that lies at `place` came from the archive that `record` names.
bool agrees(const std::filesystem::path& place, const conda::PackageRecord& record) {
  const std::filesystem::path note = place / "info" / "repodata_record.json";
  const Result<std::string> text = base::read_file(note);
  if (!text.has_value()) return false;
  const Result<base::Json> json = base::parse_json(*text, note.native());
  if (!json.has_value() || !base::path_exists(place / "info" / "index.json")) return false;
  const std::string sha256 = base::string_or(*json, "sha256");
  if (!sha256.empty() && !record.sha256.empty()) return sha256 == record.sha256;
  const std::string md5 = base::string_or(*json, "md5");
  if (!md5.empty() && !record.md5.empty()) return md5 == record.md5;
  const std::string url = base::string_or(*json, "url");
  return !url.empty() && url == conda::without_credentials(record.url);
}

/// What tells archives of one name apart, short enough for a file name.
std::string distinction_of(const conda::PackageRecord& record) {
  constexpr std::size_t length = 12;
  if (!record.sha256.empty()) return record.sha256.substr(0, length);
  if (!record.md5.empty()) return record.md5.substr(0, length);
  return base::hash_text(base::HashKind::sha256, record.url).substr(0, length);
}

/// Where a package may lie in a cache, the usual place first.
std::vector<std::filesystem::path> places_in(const std::filesystem::path& directory,
                                             const conda::PackageRecord& record) {
  const std::string name = record.dist_name();
  return {directory / name, directory / (name + "." + distinction_of(record))};
}

conda::UnpackedPackage package_at(const std::filesystem::path& place,
                                  const conda::PackageRecord& record) {
  return {record, place, place.parent_path() / record.file_name, std::nullopt};
}

conda::UnpackedPackage published_at(const std::filesystem::path& place,
                                    const conda::PackageRecord& record, Workspace& workspace) {
  conda::UnpackedPackage package = package_at(place, record);
  package.paths = std::move(workspace.paths);
  return package;
}

/// An access list shows as the group's bits too.
bool others_can_write(const std::filesystem::path& path) {
  struct stat status{};
  return stat(path.c_str(), &status) != 0 || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

Failure not_writable(const std::filesystem::path& directory) {
  Failure failure =
      fail_errno(errno, fmt::format("cannot write the package cache {}", directory.native()));
  failure.error().hints.emplace_back("set HPCENV_ROOT to a directory of your own");
  return failure;
}

/// Makes sure that a directory is there, ours to write to, and nobody's whom we do not know.
Result<> prepare_for_writing(const std::filesystem::path& directory) {
  HPCENV_TRY(base::make_directories(directory));
  struct stat status{};
  if (stat(directory.c_str(), &status) != 0) return not_writable(directory);
  if (access(directory.c_str(), W_OK | X_OK) != 0) return not_writable(directory);
  if ((status.st_mode & S_IWOTH) != 0) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("everybody can write to the package cache {}, so anybody could "
                                 "change what it installs",
                                 directory.native()),
                     fmt::format("run: chmod o-w {}", directory.native()));
  }
  const std::filesystem::path urls = directory / "urls.txt";
  // conda takes a directory for a package cache only if it holds this file.
  return base::path_exists(urls) ? Result<>() : base::write_file(urls, "");
}

/// What is damaged is deleted with the workspace.
Result<> move_aside(const std::vector<std::filesystem::path>& places,
                    const conda::PackageRecord& record, const Workspace& workspace) {
  for (const std::filesystem::path& place : places) {
    if (!agrees(place, record)) continue;
    base::fault_point("package_cache.rename");
    HPCENV_TRY(base::rename_path(place, workspace.directory() / place.filename()));
  }
  return {};
}

/// Blocks on disk, by whether a file has other names too.
struct Usage {
  std::uint64_t files = 0;
  std::uint64_t own = 0;
  std::uint64_t shared = 0;
};

Usage usage_of(const std::filesystem::path& path) {
  constexpr std::uint64_t unit = 512;  // of st_blocks
  Usage usage;
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) return usage;
  const auto bytes = static_cast<std::uint64_t>(status.st_blocks) * unit;
  if (!S_ISDIR(status.st_mode)) {
    usage.files = 1;
    (status.st_nlink > 1 ? usage.shared : usage.own) = bytes;
    return usage;
  }
  usage.own = bytes;
  const Result<std::vector<std::string>> names = base::list_directory(path);
  if (!names.has_value()) return usage;
  for (const std::string& name : *names) {
    const Usage below = usage_of(path / name);
    usage.files += below.files;
    usage.own += below.own;
    usage.shared += below.shared;
  }
  return usage;
}

std::string url_of(const std::filesystem::path& package) {
  const std::filesystem::path note = package / "info" / "repodata_record.json";
  const Result<std::string> text = base::read_file(note);
  if (!text.has_value()) return {};
  const Result<base::Json> json = base::parse_json(*text, note.native());
  return json.has_value() ? base::string_or(*json, "url") : std::string();
}

std::int64_t changed_of(const std::filesystem::path& path) {
  struct stat status{};
  return lstat(path.c_str(), &status) == 0 ? status.st_mtime : 0;
}

bool is_real_directory(const std::filesystem::path& path) {
  struct stat status{};
  return lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

std::optional<std::string> distrust(const CachePlace& place) {
  const Result<std::filesystem::path> path = base::resolve_path(place.directory);
  struct stat own{};
  struct stat above{};
  if (!path.has_value() || stat(path->c_str(), &own) != 0 || !S_ISDIR(own.st_mode) ||
      stat(path->parent_path().c_str(), &above) != 0) {
    return "it cannot be read";
  }
  if ((own.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return fmt::format("others can write to it (chmod go-w {})", path->native());
  }
  if ((above.st_mode & S_IWOTH) != 0 && (above.st_mode & S_ISVTX) == 0) {
    return fmt::format("others can replace it: {} is open to everybody",
                       path->parent_path().native());
  }
  const bool known = own.st_uid == 0 || own.st_uid == geteuid();
  if (known || place.standing == CachePlace::Standing::named) return std::nullopt;
  return "somebody else owns it (name it in pkgs_dirs to use it)";
}

Workspace::Workspace(Workspace&& other) noexcept
    : paths(std::move(other.paths)),
      directory_(std::exchange(other.directory_, std::filesystem::path())) {}

Workspace::~Workspace() {
  // What cannot be deleted now is swept by a later run.
  if (!directory_.empty()) static_cast<void>(base::remove_tree(directory_));
}

Result<PackageCache> PackageCache::open(std::filesystem::path directory) {
  return open(std::vector<CachePlace>{{std::move(directory), CachePlace::Standing::named}});
}

Result<PackageCache> PackageCache::open(const std::vector<CachePlace>& places) {
  std::optional<Error> first_failure;
  std::optional<PackageCache> cache;
  std::vector<std::filesystem::path> read_only;
  std::vector<std::string> left_out;
  for (const CachePlace& place : places) {
    if (!cache.has_value()) {
      Result<> writable = prepare_for_writing(place.directory);
      if (writable.has_value()) {
        cache = PackageCache(place.directory);
        continue;
      }
      if (!first_failure.has_value()) first_failure = std::move(writable).error();
    }
    const std::optional<std::string> reason = distrust(place);
    if (!reason.has_value()) {
      read_only.push_back(place.directory);
    } else if (place.standing == CachePlace::Standing::named &&
               base::path_exists(place.directory)) {
      left_out.push_back(
          fmt::format("the package cache {} is not used: {}", place.directory.native(), *reason));
    }
  }
  if (!cache.has_value()) {
    if (first_failure.has_value()) return Failure(std::move(*first_failure));
    return fail(ErrorKind::bug, "no package cache is named");
  }
  cache->read_only_ = std::move(read_only);
  cache->left_out_ = std::move(left_out);
  cache->sweep();
  return std::move(*cache);
}

void PackageCache::sweep() const {
  const Result<std::vector<std::string>> names = base::list_directory(directory_);
  if (!names.has_value()) return;
  const std::time_t now = std::time(nullptr);
  for (const std::string& name : *names) {
    if (!name.starts_with(workspace_prefix)) continue;
    const std::filesystem::path path = directory_ / name;
    struct stat status{};
    if (lstat(path.c_str(), &status) != 0 || now - status.st_mtime < abandoned_after) continue;
    static_cast<void>(base::remove_tree(path));
  }
}

std::optional<conda::UnpackedPackage> PackageCache::find(const conda::PackageRecord& record) const {
  for (const std::filesystem::path& place : places_in(directory_, record)) {
    if (agrees(place, record)) return package_at(place, record);
  }
  for (const std::filesystem::path& directory : read_only_) {
    for (const std::filesystem::path& place : places_in(directory, record)) {
      // A package of its own that everybody can write to is no better than such a cache.
      if (agrees(place, record) && !others_can_write(place)) return package_at(place, record);
    }
  }
  return std::nullopt;
}

std::optional<std::filesystem::path> PackageCache::find_archive(
    const conda::PackageRecord& record) const {
  const bool is_plain =
      !record.file_name.empty() && record.file_name.find('/') == std::string::npos;
  if (!is_plain || (record.sha256.empty() && record.md5.empty())) return std::nullopt;
  const auto fits = [&](const std::filesystem::path& file) {
    struct stat status{};
    return lstat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
           access(file.c_str(), R_OK) == 0 &&
           record.size.value_or(static_cast<std::uint64_t>(status.st_size)) ==
               static_cast<std::uint64_t>(status.st_size);
  };
  if (fits(directory_ / record.file_name)) return directory_ / record.file_name;
  for (const std::filesystem::path& directory : read_only_) {
    std::filesystem::path file = directory / record.file_name;
    if (fits(file) && !others_can_write(file)) return file;
  }
  return std::nullopt;
}

Result<Workspace> PackageCache::make_workspace() const {
  HPCENV_ASSIGN(std::filesystem::path directory,
                base::make_private_directory(directory_, workspace_prefix));
  Workspace workspace(std::move(directory));
  HPCENV_TRY(base::make_directories(workspace.package()));
  return workspace;
}

Result<conda::UnpackedPackage> PackageCache::publish(Workspace workspace,
                                                     const conda::PackageRecord& record,
                                                     Existing existing) const {
  const std::vector<std::filesystem::path> places = places_in(directory_, record);
  if (existing == Existing::replace) HPCENV_TRY(move_aside(places, record, workspace));
  for (const std::filesystem::path& place : places) {
    base::fault_point("package_cache.rename");
    if (rename(workspace.package().c_str(), place.c_str()) == 0) {
      return published_at(place, record, workspace);
    }
    const int error_number = errno;
    const bool taken =
        error_number == ENOTEMPTY || error_number == EEXIST || error_number == ENOTDIR;
    if (!taken) {
      return fail_errno(error_number, fmt::format("cannot make {} visible", place.native()));
    }
    if (agrees(place, record)) return package_at(place, record);
  }
  // The second place bears this archive's own checksum, so what lies there is a damaged copy of it:
  // it is moved aside, never emptied in place, and deleted with the workspace.
  base::fault_point("package_cache.rename");
  HPCENV_TRY(base::rename_path(places.back(), workspace.directory() / "damaged"));
  base::fault_point("package_cache.rename");
  HPCENV_TRY(base::rename_path(workspace.package(), places.back()));
  return published_at(places.back(), record, workspace);
}

bool is_archive_of(const std::filesystem::path& file, const conda::PackageRecord& record) {
  const bool strong = !record.sha256.empty();
  const auto found = base::hash_file(strong ? base::HashKind::sha256 : base::HashKind::md5, file);
  return found.has_value() && *found == (strong ? record.sha256 : record.md5);
}

Result<CacheContents> PackageCache::contents() const {
  HPCENV_ASSIGN(const std::vector<std::string> names, base::list_directory(directory_));
  CacheContents contents;
  for (const std::string& name : names) {
    const std::filesystem::path path = directory_ / name;
    const bool archive = name.ends_with(".conda") || name.ends_with(".tar.bz2");
    if (!is_real_directory(path)) {
      if (archive) contents.archives.push_back({path, 0, changed_of(path)});
    } else if (name.starts_with(workspace_prefix)) {
      contents.workspaces.push_back({path, 0, changed_of(path)});
    } else if (base::path_exists(path / "info")) {
      contents.packages.push_back({path, url_of(path)});
    }
  }
  for (auto* files : {&contents.archives, &contents.workspaces}) {
    for (CachedFile& file : *files) {
      const Usage usage = usage_of(file.path);
      file.bytes = usage.own + usage.shared;
    }
  }
  HPCENV_TRY(base::parallel_for(contents.packages.size(), base::available_processors(),
                                [&](std::size_t i) -> Result<> {
                                  CachedPackage& package = contents.packages[i];
                                  const Usage usage = usage_of(package.directory);
                                  package.files = usage.files;
                                  package.bytes = usage.own;
                                  package.shared_bytes = usage.shared;
                                  return {};
                                }));
  return contents;
}

Result<> PackageCache::discard(const std::filesystem::path& path) const {
  const std::string name = path.filename().native();
  if (path.parent_path() != directory_ || name.empty() || name == "." || name == "..") {
    return fail(ErrorKind::usage, "{} does not lie in the package cache {}", path.native(),
                directory_.native());
  }
  HPCENV_ASSIGN(const Workspace workspace, make_workspace());
  base::fault_point("package_cache.rename");
  return base::rename_path(path, workspace.directory() / "discarded");
}

}  // namespace hpcenv::packages
