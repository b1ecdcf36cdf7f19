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

/// As PREFIX is: a group that shares it shares this too. A group that cannot be given (the user
/// left it) is no failure.
Result<> make_like(const fs::path& prefix, const fs::path& folder) {
  struct stat model{};
  if (stat(prefix.c_str(), &model) != 0) {
    return fail_errno(errno, fmt::format("cannot examine {}", prefix.native()));
  }
  struct stat made{};
  if (stat(folder.c_str(), &made) != 0) {
    base::fault_point("own_folder.mkdir");
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
      return fail_errno(errno, fmt::format("cannot make directory {}", folder.native()));
    }
    if (stat(folder.c_str(), &made) != 0) {
      return fail_errno(errno, fmt::format("cannot examine {}", folder.native()));
    }
  }
  // Another user of the group may have made it: then it is as it should be, or cannot be helped.
  if (made.st_uid != geteuid()) return {};
  if (made.st_gid != model.st_gid) {
    base::fault_point("own_folder.chown");
    if (chown(folder.c_str(), static_cast<uid_t>(-1), model.st_gid) != 0) return {};
  }
  const mode_t wanted = (model.st_mode & 07777U) | S_IRWXU;
  if ((made.st_mode & 07777U) == wanted) return {};
  base::fault_point("own_folder.chmod");
  if (chmod(folder.c_str(), wanted) == 0) return {};
  return fail_errno(errno, fmt::format("cannot set the mode of {}", folder.native()));
}

bool is_folder(const fs::path& path) {
  struct stat status{};
  return lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

fs::path Workplace::folder() const { return prefix / own_folder / token; }

Result<> make_own_folder(const fs::path& prefix) { return make_like(prefix, prefix / own_folder); }

Result<> make_workplace(const Workplace& work) { return make_like(work.prefix, work.folder()); }

void remove_empty_own_folder(const fs::path& prefix) {
  const fs::path folder = prefix / own_folder;
  const Result<std::vector<std::string>> names = base::list_directory(folder);
  if (!names.has_value() || !names->empty()) return;
  base::fault_point("own_folder.rmdir");
  rmdir(folder.c_str());
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
