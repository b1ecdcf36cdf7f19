#include "prefix/place.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string_view>
#include <vector>

#include "base/fault.hpp"
#include "base/fs.hpp"
#include "prefix/create.hpp"
#include "prefix/layout_names.hpp"
#include "prefix/prefix_lock.hpp"
#include "prefix/state.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

/// Packages are built with a placeholder of 255 bytes; what is patched in cannot be longer.
constexpr std::size_t longest_prefix = 255;

/// What leaves its place, in the folder of who takes it away.
constexpr std::string_view removed_name = "removed";

constexpr std::string_view other_place_hint = "choose another path with -p PREFIX or -n NAME";

/// A character that the prefix cannot have; 0 where there is none.
char forbidden_character(std::string_view text) {
  for (const char c : text) {
    const bool is_control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    if (is_control || std::string_view(":\"$\\`").find(c) != std::string_view::npos) return c;
  }
  return 0;
}

Result<> check_parent(const fs::path& prefix) {
  fs::path place = prefix.parent_path();
  struct stat status{};
  while (stat(place.c_str(), &status) != 0 && place.has_relative_path()) {
    place = place.parent_path();
  }
  if (!S_ISDIR(status.st_mode)) {
    return fail_hint(
        ErrorKind::refused,
        fmt::format("{} is no directory, so {} cannot be made", place.native(), prefix.native()),
        std::string(other_place_hint));
  }
  if (access(place.c_str(), W_OK | X_OK) != 0) {
    return fail_hint(
        ErrorKind::refused,
        fmt::format("{} cannot be written, so {} cannot be made", place.native(), prefix.native()),
        std::string(other_place_hint));
  }
  return {};
}

Failure is_there(const fs::path& prefix) {
  return fail_hint(ErrorKind::refused, fmt::format("{} is an environment already", prefix.native()),
                   fmt::format("hpcenv env remove -p {} removes it", prefix.native()));
}

Result<> check_directory(const fs::path& prefix, const struct stat& status) {
  struct stat parent{};
  if (stat(prefix.parent_path().c_str(), &parent) == 0 && parent.st_dev != status.st_dev) {
    return fail_hint(
        ErrorKind::refused,
        fmt::format("{} is a mount point, which no new environment can be renamed to",
                    prefix.native()),
        fmt::format("create it in a directory below, such as {}/env", prefix.native()));
  }
  if (is_unfinished_create(prefix)) return {};
  if (is_environment(prefix)) return is_there(prefix);
  HPCENV_ASSIGN(const std::vector<std::string> names, base::list_directory(prefix));
  if (names.empty()) return {};
  return fail_hint(ErrorKind::refused,
                   fmt::format("{} is not empty and no environment (it holds '{}')",
                               prefix.native(), names.front()),
                   std::string(other_place_hint));
}

}  // namespace

fs::path topmost_missing(const fs::path& directory) {
  fs::path missing;
  for (fs::path at = directory; !base::path_exists(at); at = at.parent_path()) missing = at;
  return missing;
}

bool is_unfinished_create(const fs::path& prefix) {
  return base::path_exists(prefix / pending_scripts_file);
}

Result<> check_prefix_text(const fs::path& prefix) {
  const std::string& text = prefix.native();
  if (text.size() > longest_prefix) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("the path of the environment has {} bytes, but packages have room "
                                 "for {}: {}",
                                 text.size(), longest_prefix, text),
                     "choose a shorter path with -p PREFIX");
  }
  if (const char c = forbidden_character(text); c != 0) {
    const bool printable = static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
    return fail_hint(ErrorKind::refused,
                     fmt::format("the path of the environment has {}, which scripts of packages "
                                 "cannot hold: {}",
                                 printable ? fmt::format("the character {}", c)
                                           : std::string("a control character"),
                                 text),
                     std::string(other_place_hint));
  }
  return {};
}

Result<> check_prefix_place(const fs::path& prefix) {
  struct stat status{};
  if (lstat(prefix.c_str(), &status) == 0) {
    if (!S_ISDIR(status.st_mode)) {
      return fail_hint(ErrorKind::refused,
                       fmt::format("{} is there already and is no directory", prefix.native()),
                       std::string(other_place_hint));
    }
    HPCENV_TRY(check_directory(prefix, status));
  } else if (errno != ENOENT) {
    return fail_errno(errno, fmt::format("cannot examine {}", prefix.native()));
  }
  return check_parent(prefix);
}

Result<> check_new_prefix(const fs::path& prefix) {
  if (prefix.empty()) return fail(ErrorKind::refused, "the path of the environment is empty");
  HPCENV_ASSIGN(const fs::path resolved, base::resolve_path(prefix));
  HPCENV_TRY(check_prefix_text(resolved));
  struct stat status{};
  if (lstat(resolved.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    return check_prefix_place(resolved);
  }
  if (is_environment(resolved) && !is_unfinished_create(resolved)) return is_there(resolved);
  if (access(resolved.c_str(), W_OK | X_OK) == 0) return {};
  return fail_hint(ErrorKind::refused, fmt::format("{} cannot be written", resolved.native()),
                   std::string(other_place_hint));
}

Result<> remove_place(const fs::path& prefix, const PrefixLock& lock) {
  const fs::path aside = lock.workplace() / removed_name;
  base::fault_point("place.rename_away");
  HPCENV_TRY(base::rename_path(prefix, aside));
  return base::remove_tree(aside);
}

Result<> take_place(const fs::path& directory, const fs::path& prefix) {
  base::fault_point("place.rename");
  if (rename(directory.c_str(), prefix.c_str()) == 0) return {};
  const char* reason = nullptr;
  switch (errno) {
    case ENOTEMPTY:
    case EEXIST:
      reason = "something was put there meanwhile";
      break;
    case EBUSY:
      reason = "it is a mount point";
      break;
    case ENOTDIR:
      reason = "it is a file or a symbolic link";
      break;
    default:
      return fail_errno(errno, fmt::format("cannot put the environment at {}", prefix.native()));
  }
  return fail_hint(ErrorKind::refused,
                   fmt::format("cannot put the environment at {}: {}", prefix.native(), reason),
                   std::string(other_place_hint));
}

}  // namespace hpcenv::prefix
