#include "prefix/owners.hpp"

#include <algorithm>
#include <set>
#include <system_error>

#include "base/fs.hpp"
#include "base/hash.hpp"
#include "conda/paths_json.hpp"
#include "prefix/layout_names.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

bool is_inside(std::string_view path, std::string_view folder) {
  return path == folder || (path.starts_with(folder) && path[folder.size()] == '/');
}

bool is_later(const struct timespec& a, const struct timespec& b) {
  return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec >= b.tv_nsec;
}

/// The file in the package cache that the path was linked from; empty where that is not known.
fs::path source_of(const Owners::Owner& owner) {
  if (owner.package->extracted_package_dir.empty()) return {};
  return fs::path(owner.package->extracted_package_dir) / owner.path->path;
}

bool is_same_file(const fs::path& source, const struct stat& status) {
  struct stat original{};
  return !source.empty() && lstat(source.c_str(), &original) == 0 &&
         original.st_ino == status.st_ino && original.st_dev == status.st_dev;
}

/// What records say of links differs from tool to tool, so the cache is asked.
bool is_link_changed(const Owners::Owner& owner, const fs::path& file) {
  std::error_code error;
  const fs::path now = fs::read_symlink(file, error);
  if (error) return true;
  const fs::path before = fs::read_symlink(source_of(owner), error);
  return error || before != now;
}

}  // namespace

bool is_package_path(std::string_view path) {
  if (!conda::is_safe_relative_path(path)) return false;
  if (is_inside(path, own_folder)) return is_inside(path, clobbered_folder);
  if (!is_inside(path, meta_folder)) return true;
  return path != meta_folder && path != history_file && !path.ends_with(".json");
}

Owners::Owners(const PrefixState& state, const Plan& plan) {
  std::set<std::string> unlinked;
  for (const conda::PackageRecord& record : plan.unlink) unlinked.insert(record.dist_name());
  for (const conda::PrefixRecord& package : state.packages) {
    (unlinked.contains(package.record.dist_name()) ? leaving_ : staying_).push_back(&package);
  }
  std::size_t count = 0;
  for (const conda::PrefixRecord& package : state.packages) count += package.paths.size();
  owners_.reserve(count);
  for (const conda::PrefixRecord* package : staying_) add(*package, false);
  for (const conda::PrefixRecord* package : leaving_) add(*package, true);
}

void Owners::add(const conda::PrefixRecord& package, bool leaves) {
  for (const conda::InstalledPath& path : package.paths) {
    if (path.path_type == "directory" || !is_package_path(path.path)) continue;
    owners_.try_emplace(path.path, Owner{&package, &path, leaves});
  }
}

std::optional<Owners::Owner> Owners::find(std::string_view path) const {
  const auto found = owners_.find(path);
  if (found == owners_.end()) return std::nullopt;
  return found->second;
}

std::optional<Owners::Owner> Owners::stays_below(std::string_view directory) const {
  const auto found = std::ranges::find_if(owners_, [&](const auto& entry) {
    return !entry.second.leaves && entry.first.size() > directory.size() &&
           is_inside(entry.first, directory);
  });
  if (found == owners_.end()) return std::nullopt;
  return found->second;
}

const struct stat* ChangeFinder::record_status(const conda::PrefixRecord& package) const {
  const auto [entry, is_new] = records_.try_emplace(&package);
  if (is_new) {
    struct stat status{};
    const fs::path file =
        prefix_ / meta_folder / fmt::format("{}.json", package.record.dist_name());
    if (stat(file.c_str(), &status) == 0) entry->second = status;
  }
  return entry->second.has_value() ? &*entry->second : nullptr;
}

/// Files come before their package's record: whatever was written later than that is suspect, and
/// whatever has another size.
bool ChangeFinder::is_suspect(const Owners::Owner& owner, const struct stat& status) const {
  const struct stat* record = record_status(*owner.package);
  if (record == nullptr || is_later(status.st_mtim, record->st_mtim) ||
      is_later(status.st_ctim, record->st_ctim)) {
    return true;
  }
  const conda::InstalledPath& path = *owner.path;
  return S_ISREG(status.st_mode) && path.size.has_value() && path.placeholder.empty() &&
         *path.size != static_cast<std::uint64_t>(status.st_size);
}

bool ChangeFinder::is_changed(const Owners::Owner& owner, const struct stat& status) const {
  const conda::InstalledPath& path = *owner.path;
  if (path.path.ends_with(".pyc")) return false;
  const bool is_link = S_ISLNK(status.st_mode);
  if (!is_link && !S_ISREG(status.st_mode)) return true;
  if (!is_suspect(owner, status)) return false;
  const fs::path file = prefix_ / path.path;
  if (is_link) return path.path_type != "softlink" || is_link_changed(owner, file);
  if (is_same_file(source_of(owner), status)) return false;
  const std::string& expected = path.sha256_in_prefix.empty() && path.placeholder.empty()
                                    ? path.sha256
                                    : path.sha256_in_prefix;
  if (expected.empty()) return true;
  const Result<std::string> digest = base::hash_file(base::HashKind::sha256, file);
  return !digest.has_value() || *digest != expected;
}

}  // namespace hpcenv::prefix
