#include "packages/content_check.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/fs.hpp"
#include "base/hash.hpp"
#include "conda/paths_json.hpp"

namespace hpcenv::packages {

namespace {

using conda::PackagePath;
using conda::PathType;

constexpr std::uintmax_t paths_limit = std::uintmax_t{512} << 20U;

/// The text of a file in info/, empty where it is not there.
Result<std::string> info_text(const std::filesystem::path& package, std::string_view file,
                              const std::string& name) {
  const std::filesystem::path path = package / "info" / file;
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (!error && size > paths_limit) {
    return fail(ErrorKind::refused, "{}: info/{} is too large", name, file);
  }
  Result<std::string> text = base::read_file(path);
  if (!text.has_value() && text.error().kind == ErrorKind::not_found) return std::string();
  return text;
}

/// What a package says that it holds; the legacy form knows no sizes and digests.
Result<std::vector<PackagePath>> listed(const std::filesystem::path& package,
                                        const std::string& name) {
  HPCENV_ASSIGN(const std::string paths, info_text(package, "paths.json", name));
  if (!paths.empty()) return conda::parse_paths_json(paths, name);
  HPCENV_ASSIGN(const std::string files, info_text(package, "files", name));
  HPCENV_ASSIGN(const std::string has_prefix, info_text(package, "has_prefix", name));
  HPCENV_ASSIGN(const std::string no_link, info_text(package, "no_link", name));
  return conda::parse_legacy_paths(files, has_prefix, no_link, name);
}

Failure differs(const std::string& name, const PackagePath& path, std::string_view what) {
  return fail(ErrorKind::refused, "{}: {} {}", name, path.path, what);
}

Failure wrong_size(const std::string& name, const PackagePath& path, std::uint64_t found) {
  return differs(name, path,
                 fmt::format("has the wrong size: info/paths.json says {} bytes, it has {}",
                             path.size.value_or(0), found));
}

Failure wrong_digest(const std::string& name, const PackagePath& path, const std::string& found) {
  return differs(
      name, path,
      fmt::format("has the wrong sha256: info/paths.json says {}, it has {}", path.sha256, found));
}

/// Of links conda's tools hash different things, so nothing is compared there.
bool has_content(const PackagePath& path) { return path.type == PathType::hardlink; }

using Time = std::pair<std::int64_t, std::int64_t>;
Time time_of(const struct stat& status) { return {status.st_mtim.tv_sec, status.st_mtim.tv_nsec}; }

/// One package in a cache.
class CachedFiles {
 public:
  CachedFiles(const std::filesystem::path& package, CacheCheck check)
      : package_(package), name_(package.native()), check_(check) {}

  Result<std::vector<PackagePath>> check() {
    struct stat status{};
    const std::filesystem::path note = package_ / "info" / "repodata_record.json";
    if (lstat(note.c_str(), &status) != 0) return fail_errno(errno, "cannot read " + note.native());
    unpacked_ = time_of(status);
    HPCENV_TRY(check_info());
    HPCENV_ASSIGN(std::vector<PackagePath> paths, listed(package_, name_));
    // Names from here on: the way to the cache is walked once, not once a file.
    folder_ = base::Fd(open(package_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!folder_.valid()) return fail_errno(errno, "cannot open " + name_);
    for (PackagePath& path : paths) HPCENV_TRY(check_path(path));
    return paths;
  }

 private:
  /// Nothing says what these files should hold, so a later change of them is damage.
  Result<> check_info() const {
    constexpr std::array files{"paths.json", "files", "has_prefix", "no_link", "link.json"};
    for (const char* file : files) {
      struct stat status{};
      const std::filesystem::path path = package_ / "info" / file;
      if (lstat(path.c_str(), &status) != 0 || time_of(status) <= unpacked_) continue;
      return fail(ErrorKind::refused, "{}: info/{} was changed after it was unpacked", name_, file);
    }
    return {};
  }

  Result<> check_path(PackagePath& path) const {
    struct stat status{};
    if (fstatat(folder_.get(), path.path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (path.type == PathType::directory) return {};
      return differs(name_, path, "is missing");
    }
    if (!has_content(path)) return {};
    if (S_ISLNK(status.st_mode)) {
      path.type = PathType::softlink;
      return {};
    }
    if (!S_ISREG(status.st_mode)) return differs(name_, path, "is neither a file nor a link");
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (path.size.has_value() && *path.size != size) return wrong_size(name_, path, size);
    if (path.sha256.empty()) return {};
    if (check_ == CacheCheck::newer && time_of(status) <= unpacked_) return {};
    HPCENV_ASSIGN(const std::string found,
                  base::hash_file(base::HashKind::sha256, package_ / path.path));
    return found == path.sha256 ? Result<>() : wrong_digest(name_, path, found);
  }

  const std::filesystem::path& package_;
  std::string name_;
  CacheCheck check_;
  Time unpacked_;
  base::Fd folder_;
};

}  // namespace

Result<std::vector<PackagePath>> check_written(const std::filesystem::path& package,
                                               const DirectoryWriter::Written& written,
                                               const std::string& name) {
  HPCENV_ASSIGN(std::vector<PackagePath> paths, listed(package, name));
  for (PackagePath& path : paths) {
    if (path.type == PathType::directory) continue;
    if (path.path.starts_with("info/")) {
      // A package may list what lies there too; that was not noted.
      path.size.reset();
      continue;
    }
    const auto found = written.find(path.path);
    if (found == written.end()) {
      return differs(name, path, "is listed by info/paths.json, but the archive does not hold it");
    }
    const WrittenFile& file = found->second;
    if (!has_content(path)) continue;
    if (file.sha256.empty()) {
      path.type = PathType::softlink;
      continue;
    }
    if (path.size.has_value() && *path.size != file.size) return wrong_size(name, path, file.size);
    if (!path.sha256.empty() && path.sha256 != file.sha256) {
      return wrong_digest(name, path, file.sha256);
    }
  }
  return paths;
}

Result<std::vector<PackagePath>> check_cached(const std::filesystem::path& package,
                                              CacheCheck check) {
  return CachedFiles(package, check).check();
}

}  // namespace hpcenv::packages
