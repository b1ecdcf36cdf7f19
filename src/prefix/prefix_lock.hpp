// One writer of a prefix: a lock file beside it that names its holder.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace hpcenv::prefix {

/// The beginning of the names that hpcenv uses beside a prefix: ".NAME.hpcenv-".
std::string sibling_stem(const std::filesystem::path& prefix);

/// Held until destruction; the file then goes, unless it is not ours any more.
class PrefixLock {
 public:
  /// Takes the lock of `prefix`, whose parent exists, and removes what dead holders left beside it.
  /// A lock whose process is gone (same host, boot and pid namespace) is taken over; any other is
  /// kind refused, naming host, pid, user, command and since when. `purpose` is the command's name
  /// for others to read.
  static Result<std::shared_ptr<const PrefixLock>> acquire(const std::filesystem::path& prefix,
                                                           std::string_view purpose);
  ~PrefixLock();
  PrefixLock(const PrefixLock&) = delete;
  PrefixLock& operator=(const PrefixLock&) = delete;
  /// Removes the file before the end of this object; once.
  void release() const;
  /// Whether something of a dead holder was removed.
  bool swept() const { return swept_; }

 private:
  PrefixLock(std::filesystem::path file, dev_t device, ino_t inode)
      : file_(std::move(file)), device_(device), inode_(inode) {}
  std::filesystem::path file_;
  dev_t device_;
  ino_t inode_;
  bool swept_ = false;
  mutable std::atomic<bool> released_ = false;
};

}  // namespace hpcenv::prefix
