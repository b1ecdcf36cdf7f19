// One writer of a prefix: a lock file beside it that names its holder.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/reporter.hpp"
#include "base/result.hpp"

namespace hpcenv::prefix {

/// The beginning of the names that hpcenv uses beside a prefix: ".NAME.hpcenv-".
std::string sibling_stem(const std::filesystem::path& prefix);

/// How a writer gets its lock.
struct LockRequest {
  std::string purpose;  ///< the command's name, for others to read
  /// How long a live holder is waited for; zero: not at all. While waiting, the reporter names it.
  std::chrono::seconds wait{0};
  /// `ignore`: go on without a lock where the file system allows none (--no-lock).
  enum class Missing { refuse, ignore };
  Missing missing = Missing::refuse;
};

/// Held until destruction; the file then goes, unless it is not ours any more. A heartbeat touches
/// it meanwhile.
class PrefixLock {
 public:
  /// Takes the lock inside an existing prefix, PREFIX/.hpcenv/lock. A holder that is gone (same
  /// host, boot and pid namespace) or whose heartbeat stood still for 10 minutes of our clock is
  /// taken over: its PREFIX/.hpcenv/<its token>/ is renamed to this lock's token, so that a woken
  /// holder's next step fails with ENOENT. Kind refused when the wait is over: host, pid, user,
  /// command and since when. Kind interrupted/terminated while waiting.
  static Result<std::shared_ptr<const PrefixLock>> acquire_inside(
      const std::filesystem::path& prefix, const LockRequest& request, base::Reporter& reporter);
  /// The name of this writer's folder in PREFIX/.hpcenv/; nobody else ever has the same. The
  /// folder exists only where it was taken over from a dead writer, or once the holder makes it.
  const std::string& token() const { return token_; }
  /// Whether a dead writer's folder was taken over under our token.
  bool took_over() const { return took_over_; }
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
  bool took_over_ = false;
  std::string token_;
  mutable std::atomic<bool> released_ = false;
};

}  // namespace hpcenv::prefix
