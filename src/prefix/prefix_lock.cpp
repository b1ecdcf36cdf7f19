#include "prefix/prefix_lock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <thread>
#include <vector>

#include "base/fault.hpp"
#include "base/fs.hpp"
#include "base/hash.hpp"
#include "base/interrupt.hpp"
#include "prefix/layout_names.hpp"
#include "prefix/lock_holder.hpp"
#include "prefix/own_folder.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

/// Letters that base::make_private_directory appends.
constexpr std::string_view random_alphabet = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::size_t random_length = 12;
/// Longer names are shortened, so that what is appended to them stays below NAME_MAX.
constexpr std::size_t longest_name = 160;
constexpr std::string_view inside_stem = "change-";
constexpr std::string_view draft_name = "lock";

/// Bytes of the lock file that are locked besides: the holder's, and one where breakers meet.
constexpr off_t holder_byte = 0;
constexpr off_t breaker_byte = 1;

/// Where a lock lies and what its folders are called.
struct Site {
  fs::path prefix;
  fs::path folder;  ///< holds the lock file and the writers' folders
  std::string stem;
  fs::path file;
  enum class Kind { inside, beside };
  Kind kind = Kind::inside;
};

Site site_inside(const fs::path& prefix) {
  const fs::path folder = prefix / own_folder;
  return {prefix, folder, std::string(inside_stem), folder / lock_name, Site::Kind::inside};
}

Site site_beside(const fs::path& prefix) {
  return {prefix, prefix.parent_path(), sibling_stem(prefix), lock_beside(prefix),
          Site::Kind::beside};
}

std::optional<struct stat> status_of(const fs::path& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

bool is_same_file(const struct stat& a, const struct stat& b) {
  return a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

enum class ByteLock { taken, busy, impossible };

ByteLock lock_byte(int fd, off_t byte) {
  struct flock range{};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = byte;
  range.l_len = 1;
  if (fcntl(fd, F_OFD_SETLK, &range) == 0) return ByteLock::taken;
  return errno == EAGAIN || errno == EACCES ? ByteLock::busy : ByteLock::impossible;
}

/// The file may be swept away by another holder at any time, which stops who fills it.
Result<> remove_leftover(const fs::path& path) {
  constexpr int rounds = 10;
  Result<> removed;
  for (int round = 0; round < rounds; ++round) {
    removed = base::remove_tree(path);
    if (removed.has_value()) break;
  }
  return removed;
}

Failure held_by(const std::optional<LockHolder>& holder, const Site& site) {
  const std::string hint =
      fmt::format("wait for it; if it is gone for certain, remove {}", site.file.native());
  if (!holder.has_value()) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("another process is at work on {} ({} says not which)",
                                 site.prefix.native(), site.file.native()),
                     hint);
  }
  return fail_hint(
      ErrorKind::refused,
      fmt::format("another process is at work on {}: {}", site.prefix.native(), describe(*holder)),
      hint);
}

/// Who has no right to write where the lock lies is told whom to ask.
Failure no_right(const Site& site, Error error) {
  const fs::path& place = site.kind == Site::Kind::inside ? site.prefix : site.folder;
  error.kind = ErrorKind::refused;
  return Failure(with_hint(std::move(error),
                           fmt::format("{} belongs to {}", place.native(), owner_of(place))));
}

Failure cannot_write(const Site& site, const fs::path& path, int error_number) {
  Failure failure = fail_errno(error_number, fmt::format("cannot write {}", path.native()));
  const bool forbidden = error_number == EACCES || error_number == EROFS || error_number == EPERM;
  return forbidden ? no_right(site, std::move(failure).error()) : failure;
}

/// PREFIX/.hpcenv is made where it is missing; beside a prefix there is nothing to make.
Result<> ensure_folder(const Site& site) {
  if (site.kind == Site::Kind::beside) return {};
  struct stat status{};
  if (stat(site.prefix.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    return fail_hint(ErrorKind::not_found,
                     fmt::format("{} is no environment", site.prefix.native()),
                     "hpcenv env list shows the environments");
  }
  Result<> made = make_own_folder(site.prefix);
  if (made.has_value() || access(site.prefix.c_str(), W_OK | X_OK) == 0) return made;
  return no_right(site, std::move(made).error());
}

bool has_token_shape(std::string_view name, std::string_view stem) {
  if (!name.starts_with(stem) || name.size() != stem.size() + random_length) return false;
  return name.substr(stem.size()).find_first_not_of(random_alphabet) == std::string_view::npos;
}

/// Folders of other writers.
Result<std::vector<std::string>> leftovers(const Site& site) {
  if (site.kind == Site::Kind::inside) return writers_folders(site.prefix);
  HPCENV_ASSIGN(std::vector<std::string> names, base::list_directory(site.folder));
  std::erase_if(names, [&](const std::string& name) { return !has_token_shape(name, site.stem); });
  return names;
}

/// One attempt left a folder and perhaps the draft of a lock: away with both.
void drop_workplace(const Site& site, const fs::path& workplace) {
  static_cast<void>(remove_leftover(workplace));
  if (site.kind == Site::Kind::inside) remove_empty_own_folder(site.prefix);
}

}  // namespace

/// What a waiter knows of the file in its way: since when it has not changed, by the waiter's own
/// clock. Steps longer than a few looks do not count: then it was the waiter that stood still.
class Watch {
 public:
  explicit Watch(const LockRequest& request) : request_(request) {}

  /// Looks at the file anew; false where there is none.
  bool look(const fs::path& file) {
    const auto now = std::chrono::steady_clock::now();
    const auto status = status_of(file);
    const bool same = status.has_value() && seen_.has_value() && is_same_file(*status, *seen_) &&
                      is_same_time(status->st_mtim, seen_->st_mtim) &&
                      is_same_time(status->st_ctim, seen_->st_ctim);
    if (same) {
      const auto step = std::chrono::duration_cast<milliseconds>(now - looked_);
      silence_ += std::min(step, 4 * request_.timing.poll);
    } else {
      silence_ = milliseconds{0};
    }
    seen_ = status;
    looked_ = now;
    return status.has_value();
  }

  bool is_silent() const { return silence_ >= request_.timing.silence; }
  bool is_over() const { return std::chrono::steady_clock::now() >= begin_ + request_.wait; }
  /// Whether the file is still what was last looked at.
  bool is_as_seen(const struct stat& status) const {
    return seen_.has_value() && is_same_file(status, *seen_) &&
           is_same_time(status.st_mtim, seen_->st_mtim);
  }
  /// The inode that was last looked at: another one is another holder.
  ino_t inode() const { return seen_.has_value() ? seen_->st_ino : 0; }

 private:
  static bool is_same_time(const timespec& a, const timespec& b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
  }

  const LockRequest& request_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point looked_;
  std::optional<struct stat> seen_;
  milliseconds silence_{0};
};

/// Takes one lock: waits, breaks, places, adopts.
class LockTaker {
 public:
  LockTaker(Site site, const LockRequest& request, base::Reporter& reporter)
      : site_(std::move(site)), request_(request), reporter_(reporter), watch_(request) {}

  PrefixLock::Taken take() {
    // Bounds what does not wait: lost races with others that come and go.
    constexpr int most_races = 100;
    int races = 0;
    for (;;) {
      HPCENV_TRY(base::check_interrupt());
      if (!watch_.look(site_.file)) {
        HPCENV_ASSIGN(auto lock, attempt());
        if (lock != nullptr) return lock;
        if (++races > most_races) return held_by(std::nullopt, site_);
        if (!watch_.look(site_.file)) continue;
      }
      HPCENV_ASSIGN(const Step step, look_at_holder());
      if (step == Step::gave_way && ++races <= most_races) continue;
      if (watch_.is_over()) return held_by(holder_, site_);
      announce();
      pause();
    }
  }

 private:
  enum class Step { gave_way, stands };

  Result<Step> look_at_holder() {
    const Result<std::string> text = base::read_file(site_.file);
    if (!text.has_value()) {
      if (text.error().kind == ErrorKind::not_found) return Step::gave_way;
      holder_.reset();
      return Step::stands;
    }
    holder_ = parse_holder(*text, site_.file);
    const bool dead = holder_.has_value() && is_gone(*holder_);
    if (!dead && !watch_.is_silent()) return Step::stands;
    return break_lock();
  }

  /// Removes the file of a dead or silent holder. Breakers meet at a byte of it; who comes second
  /// finds nothing under the name, or the next holder's file, which is neither.
  Result<Step> break_lock() {
    // Another user's file cannot be opened for writing; then nothing but the folders, which the
    // last one takes, keeps two breakers apart.
    base::Fd fd(open(site_.file.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!fd.valid()) fd = base::Fd(open(site_.file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd.valid()) {
      if (errno == ENOENT) return Step::gave_way;
      return fail_errno(errno, fmt::format("cannot take over {}", site_.file.native()));
    }
    if (lock_byte(fd.get(), breaker_byte) == ByteLock::busy) return Step::stands;
    if (!is_breakable(fd.get())) return Step::stands;
    base::fault_point("lock.break");
    if (unlink(site_.file.c_str()) != 0 && errno != ENOENT) {
      return cannot_write(site_, site_.file, errno);
    }
    return Step::gave_way;
  }

  /// Looked at once more now that other breakers are kept out.
  bool is_breakable(int fd) const {
    struct stat opened{};
    const auto named = status_of(site_.file);
    if (fstat(fd, &opened) != 0 || !named.has_value()) return false;
    if (!is_same_file(opened, *named)) return false;
    if (watch_.is_silent() && watch_.is_as_seen(opened)) return true;
    const Result<std::string> text = base::read_file(fmt::format("/proc/self/fd/{}", fd));
    const auto holder = text.has_value() ? parse_holder(*text, site_.file) : std::nullopt;
    return holder.has_value() && is_gone(*holder);
  }

  void announce() {
    if (announced_ == watch_.inode()) return;
    announced_ = watch_.inode();
    const std::string who = holder_.has_value() ? describe(*holder_) : site_.file.native();
    reporter_.warning(
        fmt::format("waiting for another process at work on {}: {}", site_.prefix.native(), who));
  }

  void pause() const {
    const auto end = std::chrono::steady_clock::now() + request_.timing.poll;
    constexpr milliseconds slice{50};
    while (base::interrupt_signal() == 0 && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::min(slice, request_.timing.poll));
    }
  }

  /// nullptr where another one was faster.
  Result<std::shared_ptr<PrefixLock>> attempt() {
    HPCENV_TRY(ensure_folder(site_));
    Result<fs::path> workplace = base::make_private_directory(site_.folder, site_.stem);
    if (!workplace.has_value()) {
      // The last holder took the empty folder away with it.
      if (!base::path_exists(site_.folder)) return std::shared_ptr<PrefixLock>();
      return no_workplace(std::move(workplace).error());
    }
    Result<std::shared_ptr<PrefixLock>> lock = attempt_from(*workplace);
    if (!lock.has_value() || *lock == nullptr) drop_workplace(site_, *workplace);
    return lock;
  }

  Failure no_workplace(Error error) const {
    if (access(site_.folder.c_str(), W_OK | X_OK) == 0) return Failure(std::move(error));
    return no_right(site_, std::move(error));
  }

  Result<std::shared_ptr<PrefixLock>> attempt_from(const fs::path& workplace) {
    if (site_.kind == Site::Kind::inside) HPCENV_TRY(share_as_prefix(site_.prefix, workplace));
    const std::string text = holder_text(this_process(request_.purpose));
    Result<base::Fd> file = place(workplace / draft_name, text);
    std::shared_ptr<PrefixLock> lock(new PrefixLock());
    lock->workplace_ = workplace;
    lock->token_ = workplace.filename().native();
    if (!file.has_value()) {
      if (!may_go_without(file.error())) return without_lock(std::move(file).error());
      reporter_.warning(fmt::format("no lock can be had: {}", file.error().message));
    } else {
      if (!file->valid()) return std::shared_ptr<PrefixLock>();
      struct stat own{};
      fstat(file->get(), &own);
      lock->file_ = site_.file;
      lock->device_ = own.st_dev;
      lock->inode_ = own.st_ino;
      lock->heartbeat_ = std::make_unique<Heartbeat>(*std::move(file), request_.timing.beat);
    }
    if (site_.kind == Site::Kind::inside) lock->prefix_ = site_.prefix;
    Result<> adopted = adopt(*lock);
    if (!adopted.has_value()) {
      lock->release();
      return Failure(std::move(adopted).error());
    }
    if (lock->still_held()) return lock;
    return std::shared_ptr<PrefixLock>();
  }

  /// Refusals of the kernel that mean the file system, not this moment.
  static Failure without_lock(Error error) {
    if (error.kind == ErrorKind::no_space) return Failure(std::move(error));
    return Failure(with_hint(std::move(error),
                             "if nobody else is at work on it, the same command with --no-lock "
                             "goes on without a lock"));
  }

  bool may_go_without(const Error& error) const {
    return request_.missing == LockRequest::Missing::ignore && error.kind != ErrorKind::no_space;
  }

  /// Makes the lock file appear whole: written under another name, then linked. Where the file
  /// system has no hard links it is made by O_EXCL and filled afterwards. Not valid: another one
  /// holds it.
  Result<base::Fd> place(const fs::path& draft, const std::string& text) {
    base::fault_point("lock.create");
    Result<base::Fd> fd = base::create_new(draft, 0644);
    if (!fd.has_value()) return lost_or(draft.parent_path(), std::move(fd).error());
    base::fault_point("lock.write");
    HPCENV_TRY(base::write_all(fd->get(), text, draft));
    base::fault_point("lock.link");
    const int linked = link(draft.c_str(), site_.file.c_str()) == 0 ? 0 : errno;
    base::fault_point("lock.unlink_draft");
    unlink(draft.c_str());
    // ENOENT: another holder swept the draft away, so there is another holder.
    if (linked == EEXIST || linked == ENOENT) return base::Fd();
    if (linked != 0) {
      base::fault_point("lock.exclusive");
      fd = base::create_new(site_.file, 0644);
      if (!fd.has_value()) return lost_or(draft.parent_path(), std::move(fd).error());
      base::fault_point("lock.write");
      Result<> written = base::write_all(fd->get(), text, site_.file);
      if (!written.has_value()) {
        unlink(site_.file.c_str());
        return Failure(std::move(written).error());
      }
    }
    // Two that both made the file, which some network file systems let happen, part here.
    if (lock_byte(fd->get(), holder_byte) == ByteLock::busy) return base::Fd();
    return fd;
  }

  /// A failure because another holder came first is none.
  Result<base::Fd> lost_or(const fs::path& workplace, Error error) const {
    if (!base::path_exists(workplace) || base::path_exists(site_.file)) return base::Fd();
    return Failure(std::move(error));
  }

  /// Every folder of another writer is renamed, so that none of them can go on. Only what is there
  /// now is looked at: who is suspended in here and wakes up late cannot touch a later holder's.
  Result<> adopt(PrefixLock& lock) {
    HPCENV_ASSIGN(const std::vector<std::string> names, leftovers(site_));
    for (const std::string& name : names) {
      if (name == lock.token_) continue;
      HPCENV_TRY(adopt_one(lock, site_.folder / name));
    }
    return {};
  }

  Result<> adopt_one(PrefixLock& lock, const fs::path& left) {
    HPCENV_ASSIGN(const fs::path aside, base::make_private_directory(site_.folder, site_.stem));
    base::fault_point("lock.adopt");
    if (rename(left.c_str(), aside.c_str()) != 0) {
      const int error = errno;
      base::fault_point("lock.rmdir");
      rmdir(aside.c_str());
      if (error == ENOENT) return {};
      return cannot_write(site_, left, error);
    }
    lock.swept_ = true;
    if (site_.kind == Site::Kind::beside) {
      const Result<> removed = remove_leftover(aside);
      if (!removed.has_value()) reporter_.warning(removed.error().message);
      return {};
    }
    // Two records at once are the work of two writers without a lock; the second one stays there.
    if (!base::path_exists(aside / record_name) || lock.took_over_) return {};
    lock.took_over_ = true;
    base::fault_point("lock.take_over");
    return base::rename_path(aside, lock.workplace_);
  }

  Site site_;
  const LockRequest& request_;
  base::Reporter& reporter_;
  Watch watch_;
  std::optional<LockHolder> holder_;
  ino_t announced_ = 0;
};

std::string sibling_stem(const fs::path& prefix) {
  std::string name = prefix.filename().native();
  if (name.size() > longest_name) {
    const std::string digest = base::hash_text(base::HashKind::sha256, name);
    name = fmt::format("{}~{}", name.substr(0, longest_name), digest.substr(0, 16));
  }
  return fmt::format(".{}.hpcenv-", name);
}

std::optional<fs::path> prefix_of_sibling(const fs::path& folder) {
  const std::string name = folder.filename().native();
  const std::size_t end = name.rfind(".hpcenv-");
  if (end == std::string::npos || end < 2 || !name.starts_with('.')) return std::nullopt;
  fs::path prefix = folder.parent_path() / name.substr(1, end - 1);
  if (!has_token_shape(name, sibling_stem(prefix))) return std::nullopt;
  return prefix;
}

fs::path lock_beside(const fs::path& prefix) {
  return prefix.parent_path() / fmt::format("{}{}", sibling_stem(prefix), lock_name);
}

PrefixLock::Taken PrefixLock::acquire_inside(const fs::path& prefix, const LockRequest& request,
                                             base::Reporter& reporter) {
  return LockTaker(site_inside(prefix), request, reporter).take();
}

PrefixLock::Taken PrefixLock::acquire_beside(const fs::path& prefix, const LockRequest& request,
                                             base::Reporter& reporter) {
  return LockTaker(site_beside(prefix), request, reporter).take();
}

PrefixLock::~PrefixLock() { release(); }

bool PrefixLock::still_held() const {
  if (!base::path_exists(workplace_)) return false;
  if (file_.empty()) return true;
  const auto status = status_of(file_);
  return status.has_value() && status->st_ino == inode_ && status->st_dev == device_;
}

void PrefixLock::release() const {
  if (released_.exchange(true)) return;
  // Closed first: NFS keeps a file that is open under another name in the folder.
  heartbeat_.reset();
  base::fault_point("lock.rmdir");
  rmdir(workplace_.c_str());
  const auto status = status_of(file_);
  if (status.has_value() && status->st_ino == inode_ && status->st_dev == device_) {
    base::fault_point("lock.release");
    unlink(file_.c_str());
  }
  if (!prefix_.empty()) remove_empty_own_folder(prefix_);
}

}  // namespace hpcenv::prefix
