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

}  // namespace

Workspace::Workspace(Workspace&& other) noexcept
    : directory_(std::exchange(other.directory_, std::filesystem::path())) {}

Workspace::~Workspace() {
  // What cannot be deleted now is swept by a later run.
  if (!directory_.empty()) static_cast<void>(base::remove_tree(directory_));
}

Result<PackageCache> PackageCache::open(std::filesystem::path directory) {
  HPCENV_TRY(base::make_directories(directory));
  if (access(directory.c_str(), W_OK | X_OK) != 0) {
    Failure failure =
        fail_errno(errno, fmt::format("cannot write the package cache {}", directory.native()));
    failure.error().hints.emplace_back("set HPCENV_ROOT to a directory of your own");
    return failure;
  }
  const std::filesystem::path urls = directory / "urls.txt";
  // conda takes a directory for a package cache only if it holds this file.
  if (!base::path_exists(urls)) HPCENV_TRY(base::write_file(urls, ""));
  PackageCache cache(std::move(directory));
  cache.sweep();
  return cache;
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

std::vector<std::filesystem::path> PackageCache::places_of(
    const conda::PackageRecord& record) const {
  const std::string name = record.dist_name();
  return {directory_ / name, directory_ / (name + "." + distinction_of(record))};
}

conda::UnpackedPackage PackageCache::package_at(const std::filesystem::path& place,
                                                const conda::PackageRecord& record) const {
  return {record, place, directory_ / record.file_name};
}

std::optional<conda::UnpackedPackage> PackageCache::find(const conda::PackageRecord& record) const {
  for (const std::filesystem::path& place : places_of(record)) {
    if (agrees(place, record)) return package_at(place, record);
  }
  return std::nullopt;
}

Result<Workspace> PackageCache::make_workspace() const {
  HPCENV_ASSIGN(std::filesystem::path directory,
                base::make_private_directory(directory_, workspace_prefix));
  Workspace workspace(std::move(directory));
  base::fault_point("package_cache.mkdir");
  HPCENV_TRY(base::make_directories(workspace.package()));
  return workspace;
}

Result<conda::UnpackedPackage> PackageCache::publish(Workspace workspace,
                                                     const conda::PackageRecord& record) const {
  const std::vector<std::filesystem::path> places = places_of(record);
  for (const std::filesystem::path& place : places) {
    base::fault_point("package_cache.rename");
    if (rename(workspace.package().c_str(), place.c_str()) == 0) return package_at(place, record);
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
  return package_at(places.back(), record);
}

}  // namespace hpcenv::packages
