#include "base/fs.hpp"
#include "prefix/create.hpp"
#include "prefix/place.hpp"
#include "prefix/prefix_lock.hpp"
#include "prefix/state.hpp"

namespace hpcenv::prefix {

Result<> remove_environment(const std::filesystem::path& prefix) {
  HPCENV_ASSIGN(const std::filesystem::path resolved, base::resolve_path(prefix));
  const auto is_missing = [&] {
    return fail_hint(ErrorKind::not_found, fmt::format("{} is no environment", resolved.native()),
                     "hpcenv env list shows the environments");
  };
  if (!base::path_exists(resolved.parent_path())) return is_missing();
  HPCENV_ASSIGN(const auto lock, PrefixLock::acquire(resolved, "hpcenv env remove"));
  if (is_environment(resolved)) return remove_place(resolved);
  // An earlier removal was killed while it emptied: that is finished now.
  if (lock->swept() && !base::path_exists(resolved)) return {};
  return is_missing();
}

}  // namespace hpcenv::prefix
