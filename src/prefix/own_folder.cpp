#include "prefix/own_folder.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "base/fault.hpp"
#include "base/fs.hpp"
#include "prefix/layout_names.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

/// What lies in PREFIX/.hpcenv beside the folders of writers.
constexpr std::array<std::string_view, 3> other_folders{"scripts", "kept", "clobbered"};

bool is_folder(const fs::path& path) {
  struct stat status{};
  return lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

fs::path Workplace::folder() const { return prefix / own_folder / token; }

Result<> share_as_prefix(const fs::path& prefix, const fs::path& folder) {
  struct stat model{};
  struct stat made{};
  if (stat(prefix.c_str(), &model) != 0) {
    return fail_errno(errno, fmt::format("cannot examine {}", prefix.native()));
  }
  if (stat(folder.c_str(), &made) != 0) {
    return fail_errno(errno, fmt::format("cannot examine {}", folder.native()));
  }
  if (made.st_gid != model.st_gid) {
    base::fault_point("own_folder.chown");
    // A group that cannot be given (the user left it) is no failure; its rights are not for others.
    if (chown(folder.c_str(), static_cast<uid_t>(-1), model.st_gid) != 0) return {};
  }
  const mode_t wanted = (model.st_mode & 07777U) | S_IRWXU;
  if ((made.st_mode & 07777U) == wanted) return {};
  base::fault_point("own_folder.chmod");
  if (chmod(folder.c_str(), wanted) == 0) return {};
  return fail_errno(errno, fmt::format("cannot set the mode of {}", folder.native()));
}

Result<> make_own_folder(const fs::path& prefix) {
  const fs::path folder = prefix / own_folder;
  if (is_folder(folder)) {
    // Who made it was killed before it had its mode; another user's is not ours to mend.
    static_cast<void>(share_as_prefix(prefix, folder));
    return {};
  }
  base::fault_point("own_folder.mkdir");
  if (mkdir(folder.c_str(), 0700) == 0) return share_as_prefix(prefix, folder);
  if (errno == EEXIST) return {};
  return fail_errno(errno, fmt::format("cannot make directory {}", folder.native()));
}

void remove_empty_own_folder(const fs::path& prefix) {
  const fs::path folder = prefix / own_folder;
  const Result<std::vector<std::string>> names = base::list_directory(folder);
  if (!names.has_value() || !names->empty()) return;
  base::fault_point("own_folder.rmdir");
  rmdir(folder.c_str());
}

Result<> make_below(const Workplace& work, const fs::path& directory) {
  fs::path at = work.folder();
  for (const fs::path& part : directory.lexically_relative(at)) {
    at /= part;
    if (is_folder(at)) continue;
    base::fault_point("own_folder.make_below");
    if (mkdir(at.c_str(), 0777) == 0 || errno == EEXIST) continue;
    return fail_errno(errno, fmt::format("cannot make directory {}", at.native()));
  }
  return {};
}

Result<std::vector<std::string>> writers_folders(const fs::path& prefix) {
  const fs::path folder = prefix / own_folder;
  Result<std::vector<std::string>> names = base::list_directory(folder);
  if (!names.has_value() && names.error().kind == ErrorKind::not_found) {
    return std::vector<std::string>();
  }
  HPCENV_TRY(names);
  std::erase_if(*names, [&](const std::string& name) {
    return std::ranges::find(other_folders, name) != other_folders.end() ||
           !is_folder(folder / name);
  });
  return names;
}

bool has_record(const Workplace& work) { return base::path_exists(work.record()); }

}  // namespace hpcenv::prefix
