#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "base/fault.hpp"
#include "base/fs.hpp"

namespace hpcenv::base {

namespace {

class TreeRemover {
 public:
  /// Removes NAME in the open directory `parent`; `path` stands in messages.
  Result<> remove(int parent, const char* name, const fs::path& path) {
    fault_point("remove_tree.unlink");
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) return {};
    const int error_number = errno;
    struct stat status{};
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
      return errno == ENOENT ? Result<>() : fail_errno(errno, describe(path));
    }
    if (!S_ISDIR(status.st_mode)) return fail_errno(error_number, describe(path));
    HPCENV_TRY(empty(parent, name, path, status.st_mode));
    fault_point("remove_tree.rmdir");
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
    return fail_errno(errno, describe(path));
  }

 private:
  static std::string describe(const fs::path& path) {
    return fmt::format("cannot remove {}", path.native());
  }

  Result<> empty(int parent, const char* name, const fs::path& path, mode_t mode) {
    constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    // A directory without rwx for its owner cannot be emptied; packages bring such.
    if ((mode & S_IRWXU) != S_IRWXU) fchmodat(parent, name, mode | S_IRWXU, 0);
    Fd fd(openat(parent, name, flags));
    // Somebody else who removes the same tree was faster.
    if (!fd.valid() && errno == ENOENT) return {};
    if (!fd.valid()) return fail_errno(errno, describe(path));
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(fdopendir(fd.get()), closedir);
    if (directory == nullptr) return fail_errno(errno, describe(path));
    const int number = fd.release();
    for (;;) {
      errno = 0;
      const dirent* entry = readdir(directory.get());
      if (entry == nullptr) break;
      const char* child = static_cast<const char*>(entry->d_name);
      const std::string_view text = child;
      if (text == "." || text == "..") continue;
      HPCENV_TRY(remove(number, child, path / text));
    }
    return errno == 0 ? Result<>() : fail_errno(errno, describe(path));
  }
};

}  // namespace

Result<> remove_tree(const fs::path& path) {
  return TreeRemover().remove(AT_FDCWD, path.c_str(), path);
}

}  // namespace hpcenv::base
