#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "base/fault.hpp"
#include "base/fs.hpp"
#include "base/interrupt.hpp"
#include "prefix/create.hpp"
#include "prefix/layout_names.hpp"
#include "prefix/own_folder.hpp"
#include "prefix/prefix_lock.hpp"
#include "prefix/state.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

/// The name of an environment in the folder of who removes it.
constexpr std::string_view removed_name = "environment";
/// Trees below this depth are removed in one go, between two looks for an interrupt.
constexpr int piece_depth = 4;

/// Locking inside and renaming to another directory both write into the directory itself.
void open_for_removal(const fs::path& prefix) {
  struct stat status{};
  if (stat(prefix.c_str(), &status) != 0 || (status.st_mode & 0700) == 0700) return;
  base::fault_point("remove.chmod");
  static_cast<void>(chmod(prefix.c_str(), (status.st_mode & 07777) | 0700));
}

bool is_tree(const fs::path& path) {
  struct stat status{};
  return lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

/// Inner trees before the directories that hold them.
void collect_pieces(const fs::path& path, int depth, std::vector<fs::path>& pieces) {
  if (depth > 0 && is_tree(path)) {
    const Result<std::vector<std::string>> names = base::list_directory(path);
    if (names.has_value()) {
      for (const std::string& name : *names) collect_pieces(path / name, depth - 1, pieces);
    }
  }
  pieces.push_back(path);
}

/// Piece by piece, with progress; an interrupt stops it in between, and whoever takes the lock next
/// removes the rest.
Result<> remove_visibly(const fs::path& path, base::Reporter& reporter) {
  std::vector<fs::path> pieces;
  collect_pieces(path, piece_depth, pieces);
  std::uint64_t done = 0;
  for (const fs::path& piece : pieces) {
    HPCENV_TRY(base::check_interrupt());
    HPCENV_TRY(base::remove_tree(piece));
    reporter.progress(++done, pieces.size(), base::Unit::items);
  }
  return {};
}

/// The environment goes below the lock's folder, so that a holder that lost its lock gets ENOENT.
Result<> take_away(const fs::path& prefix, const PrefixLock& beside, const LockRequest& request,
                   base::Reporter& reporter) {
  open_for_removal(prefix);
  HPCENV_ASSIGN(const auto inside, PrefixLock::acquire_inside(prefix, request, reporter));
  base::fault_point("remove.rename");
  HPCENV_TRY(base::rename_path(prefix, beside.workplace() / removed_name));
  return remove_visibly(beside.workplace(), reporter);
}

/// Where the prefix cannot be renamed (a mount point, a parent of somebody else's): conda-meta goes
/// first, which ends the environment, then all else. The empty directory stays.
Result<> empty_place(const fs::path& prefix, const LockRequest& request, base::Reporter& reporter) {
  HPCENV_ASSIGN(const auto lock, PrefixLock::acquire_inside(prefix, request, reporter));
  const fs::path place = lock->workplace() / removed_name;
  HPCENV_TRY(make_below({prefix, lock->token()}, place));
  HPCENV_ASSIGN(std::vector<std::string> names, base::list_directory(prefix));
  std::ranges::stable_partition(names, [](const std::string& name) { return name == meta_folder; });
  for (const std::string& name : names) {
    if (name == own_folder) continue;
    base::fault_point("remove.rename");
    HPCENV_TRY(base::rename_path(prefix / name, place / name));
  }
  HPCENV_TRY(remove_visibly(place, reporter));
  for (const char* name : {"activation.json", "kept", "clobbered", "scripts"}) {
    HPCENV_TRY(base::remove_tree(prefix / own_folder / name));
  }
  HPCENV_ASSIGN(const std::vector<std::string> writers, writers_folders(prefix));
  for (const std::string& writer : writers) {
    if (writer != lock->token()) HPCENV_TRY(base::remove_tree(prefix / own_folder / writer));
  }
  lock->release();
  return {};
}

bool can_be_renamed(const fs::path& prefix) {
  struct stat status{};
  struct stat parent{};
  const bool known =
      stat(prefix.c_str(), &status) == 0 && stat(prefix.parent_path().c_str(), &parent) == 0;
  return !known ||
         (status.st_dev == parent.st_dev && access(prefix.parent_path().c_str(), W_OK | X_OK) == 0);
}

/// A removal inside was killed after conda-meta had gone.
bool was_being_emptied(const fs::path& prefix) {
  const Result<std::vector<std::string>> writers = writers_folders(prefix);
  return writers.has_value() && std::ranges::any_of(*writers, [&](const std::string& writer) {
           return base::path_exists(prefix / own_folder / writer / removed_name);
         });
}

}  // namespace

Result<> remove_environment(const fs::path& prefix, const LockRequest& request,
                            base::Reporter& reporter) {
  HPCENV_ASSIGN(const fs::path resolved, base::resolve_path(prefix));
  const auto is_missing = [&] {
    return fail_hint(ErrorKind::not_found, fmt::format("{} is no environment", resolved.native()),
                     "hpcenv env list shows the environments");
  };
  if (!base::path_exists(resolved.parent_path())) return is_missing();
  const bool is_there = is_environment(resolved) || was_being_emptied(resolved);
  if (is_there && !can_be_renamed(resolved)) return empty_place(resolved, request, reporter);
  HPCENV_ASSIGN(const auto lock, PrefixLock::acquire_beside(resolved, request, reporter));
  if (is_environment(resolved)) return take_away(resolved, *lock, request, reporter);
  // An earlier removal was killed while it emptied: that is finished now.
  if (lock->swept() && !base::path_exists(resolved)) return {};
  return is_missing();
}

}  // namespace hpcenv::prefix
