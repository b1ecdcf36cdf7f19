// What a file system can do, tried with two files in a private directory.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <string>

#include "host/storage.hpp"

namespace hpcenv::host {

namespace {

constexpr const char* one = "a";
constexpr const char* other = "b";
constexpr const char* capital = "A";

/// A directory of our own; goes with all that is in it.
class PrivateDirectory {
 public:
  explicit PrivateDirectory(base::fs::path path)
      : path_(std::move(path)),
        fd_(open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) {}
  PrivateDirectory(const PrivateDirectory&) = delete;
  PrivateDirectory& operator=(const PrivateDirectory&) = delete;
  ~PrivateDirectory() {
    if (fd_.valid()) {
      remove(one);
      remove(other);
    }
    rmdir(path_.c_str());
  }
  int get() const { return fd_.get(); }
  base::Fd make(const char* name) const {
    return base::Fd(openat(get(), name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0700));
  }
  bool has(const char* name) const { return faccessat(get(), name, F_OK, 0) == 0; }
  void remove(const char* name) const { unlinkat(get(), name, 0); }

 private:
  base::fs::path path_;
  base::Fd fd_;
};

bool can_flock(const base::Fd& file) {
  return flock(file.get(), LOCK_EX | LOCK_NB) == 0 && flock(file.get(), LOCK_UN) == 0;
}

bool can_lock_records(const base::Fd& file) {
  struct flock range{};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  if (fcntl(file.get(), F_OFD_SETLK, &range) != 0) return false;
  range.l_type = F_UNLCK;
  return fcntl(file.get(), F_OFD_SETLK, &range) == 0;
}

bool can_clone(const base::Fd& from, const base::Fd& to) {
  return to.valid() && ioctl(to.get(), FICLONE, from.get()) == 0;
}

/// `other` is there before, and closed: NFS would keep it under another name.
bool can_rename_over(const PrivateDirectory& directory) {
  return renameat(directory.get(), one, directory.get(), other) == 0 && !directory.has(one) &&
         directory.has(other);
}

}  // namespace

std::optional<Abilities> try_abilities(const std::string& directory) {
  const auto made = base::make_private_directory(directory, ".hpcenv-probe-");
  if (!made) return std::nullopt;
  const PrivateDirectory place(*made);
  if (place.get() < 0) return std::nullopt;
  Abilities abilities;
  const base::Fd file = place.make(one);
  if (!file.valid()) return std::nullopt;
  static_cast<void>(base::write_all(file.get(), std::string(4096, 'x'), *made));
  abilities.runs_programs = faccessat(place.get(), one, X_OK, 0) == 0;
  abilities.case_sensitive = !place.has(capital);
  abilities.hard_links = linkat(place.get(), one, place.get(), other, 0) == 0;
  place.remove(other);
  abilities.symlinks = symlinkat(one, place.get(), other) == 0;
  place.remove(other);
  abilities.flock = can_flock(file);
  abilities.record_locks = can_lock_records(file);
  abilities.reflinks = can_clone(file, place.make(other));
  abilities.renames_over = can_rename_over(place);
  return abilities;
}

}  // namespace hpcenv::host
