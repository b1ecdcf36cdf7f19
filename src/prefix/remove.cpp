#include <sys/stat.h>

#include "base/fault.hpp"
#include "base/fs.hpp"
#include "prefix/create.hpp"
#include "prefix/prefix_lock.hpp"
#include "prefix/state.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

/// Locking inside and renaming to another directory both write into the directory itself.
void open_for_removal(const fs::path& prefix) {
  struct stat status{};
  if (stat(prefix.c_str(), &status) != 0 || (status.st_mode & 0700) == 0700) return;
  base::fault_point("remove.chmod");
  static_cast<void>(chmod(prefix.c_str(), (status.st_mode & 07777) | 0700));
}

/// The environment goes below the lock's folder, so that a holder that lost its lock gets ENOENT.
Result<> take_away(const fs::path& prefix, const PrefixLock& beside, const LockRequest& request,
                   base::Reporter& reporter) {
  open_for_removal(prefix);
  HPCENV_ASSIGN(const auto inside, PrefixLock::acquire_inside(prefix, request, reporter));
  base::fault_point("remove.rename");
  HPCENV_TRY(base::rename_path(prefix, beside.workplace() / "environment"));
  return base::remove_tree(beside.workplace());
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
  HPCENV_ASSIGN(const auto lock, PrefixLock::acquire_beside(resolved, request, reporter));
  if (is_environment(resolved)) return take_away(resolved, *lock, request, reporter);
  // An earlier removal was killed while it emptied: that is finished now.
  if (lock->swept() && !base::path_exists(resolved)) return {};
  return is_missing();
}

}  // namespace hpcenv::prefix
