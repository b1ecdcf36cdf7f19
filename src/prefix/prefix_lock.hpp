// One writer of a prefix: a lock file that names its holder and shows that the holder lives.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/reporter.hpp"
#include "base/result.hpp"
#include "prefix/heartbeat.hpp"

namespace hpcenv::prefix {

/// The beginning of the names that hpcenv uses beside a prefix: ".NAME.hpcenv-".
std::string sibling_stem(const std::filesystem::path& prefix);
/// The prefix that a folder beside it belongs to, made by who creates or removes it; nullopt where
/// the name is none of ours, or was shortened.
std::optional<std::filesystem::path> prefix_of_sibling(const std::filesystem::path& folder);

/// The lock of who makes or removes `prefix`, whose symlinks are resolved.
std::filesystem::path lock_beside(const std::filesystem::path& prefix);

/// What commands that write wait for: longer than the silence after which a holder is taken over.
inline constexpr std::chrono::seconds patient_wait{900};

/// How a writer gets its lock.
struct LockRequest {
  std::string purpose;  ///< the command's name, for others to read
  /// How long a live holder is waited for; zero: not at all. While waiting, the reporter names it.
  std::chrono::seconds wait{0};
  /// `ignore`: go on without a lock where the file system allows none (--no-lock).
  enum class Missing { refuse, ignore };
  Missing missing = Missing::refuse;
  LockTiming timing = lock_timing();
};

/// Held until destruction; the file then goes, unless it is not ours any more. A heartbeat touches
/// it meanwhile. A holder that is gone (same host, boot and pid namespace) or whose heartbeat stood
/// still for 10 minutes of the waiter's clock is taken over.
///
/// What keeps a woken holder from doing harm is its folder, not the file: `workplace` is made
/// before the lock is taken and never again, and who takes over renames it. So whoever holds a lock
/// works below `workplace` alone, by paths, never makes that folder itself, and takes ENOENT there
/// for the loss of the lock (`still_held` tells it from other reasons).
class PrefixLock {
 public:
  using Taken = Result<std::shared_ptr<const PrefixLock>>;

  /// Takes the lock inside an existing prefix, PREFIX/.hpcenv/lock. Kind refused when the wait is
  /// over: host, pid, user, command and since when; not_found where there is no prefix;
  /// interrupted or terminated while waiting.
  static Taken acquire_inside(const std::filesystem::path& prefix, const LockRequest& request,
                              base::Reporter& reporter);
  /// Takes the lock beside a prefix that is to be made, to be filled in `workplace` and renamed, or
  /// to be removed; its parent exists. What dead holders left beside it is removed. Errors as
  /// above.
  static Taken acquire_beside(const std::filesystem::path& prefix, const LockRequest& request,
                              base::Reporter& reporter);
  ~PrefixLock();
  PrefixLock(const PrefixLock&) = delete;
  PrefixLock& operator=(const PrefixLock&) = delete;

  /// This writer's folder, with the mode and group of the prefix where it lies inside (0700
  /// beside): empty, or `took_over` and holding the record of a dead writer. Other writers' folders
  /// inside a prefix have new names now and no record, and may hold files of the user's.
  const std::filesystem::path& workplace() const { return workplace_; }
  /// The name of `workplace`; nobody else ever has the same.
  const std::string& token() const { return token_; }
  /// Whether a dead writer's folder with a commit record is under our token now.
  bool took_over() const { return took_over_; }
  /// Whether something of a dead holder was removed.
  bool swept() const { return swept_; }
  /// Whether nobody has taken over: the folder and the file are still there and ours. A look, not
  /// a guard.
  bool still_held() const;
  /// Gives the lock back before the end of this object; once. The folder goes where it is empty.
  void release() const;

 private:
  friend class LockTaker;
  PrefixLock() = default;

  std::filesystem::path file_;  ///< empty: no lock was possible, and none was asked for
  std::filesystem::path workplace_;
  std::filesystem::path prefix_;  ///< where the lock lies inside: an empty PREFIX/.hpcenv goes
  std::string token_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  bool took_over_ = false;
  bool swept_ = false;
  mutable std::unique_ptr<Heartbeat> heartbeat_;
  mutable std::atomic<bool> released_ = false;
};

}  // namespace hpcenv::prefix
