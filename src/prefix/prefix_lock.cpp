#include "prefix/prefix_lock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <optional>
#include <system_error>
#include <vector>

#include "base/clock.hpp"
#include "base/fault.hpp"
#include "base/fs.hpp"
#include "base/hash.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

/// Letters that base::make_private_directory appends.
constexpr std::string_view random_alphabet = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::size_t random_length = 12;
/// Longer names are shortened, so that what is appended to them stays below NAME_MAX.
constexpr std::size_t longest_name = 160;
constexpr std::string_view lock_ending = "lock";

struct Holder {
  std::string host;
  std::string boot;           ///< of the kernel
  std::string pid_namespace;  ///< "pid:[4026531836]"
  std::int64_t pid = 0;
  std::string started;  ///< field 22 of /proc/PID/stat, clock ticks
  std::int64_t user = 0;
  std::int64_t since = 0;  ///< seconds since the epoch
  std::string command;
};

std::string first_line(const fs::path& path) {
  const Result<std::string> text = base::read_file(path);
  return text.has_value() ? std::string(base::trim(*text)) : std::string();
}

/// Empty where there is no such process.
std::string start_time(std::int64_t pid) {
  const std::string stat = first_line(fmt::format("/proc/{}/stat", pid));
  // The second field is the program's name in parentheses and may hold anything.
  const std::size_t close = stat.rfind(')');
  if (close == std::string::npos) return {};
  const std::vector<std::string_view> fields =
      base::split_words(std::string_view(stat).substr(close + 1));
  constexpr std::size_t started_field = 19;  // field 22, counted from the third
  return fields.size() > started_field ? std::string(fields[started_field]) : std::string();
}

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

std::string own_pid_namespace() {
  std::error_code error;
  return fs::read_symlink("/proc/self/ns/pid", error).native();
}

Holder this_process(std::string_view purpose) {
  Holder holder;
  holder.host = host_name();
  holder.boot = first_line("/proc/sys/kernel/random/boot_id");
  holder.pid_namespace = own_pid_namespace();
  holder.pid = getpid();
  holder.started = start_time(holder.pid);
  holder.user = static_cast<std::int64_t>(getuid());
  holder.since = base::SystemClock().now();
  holder.command = purpose;
  return holder;
}

std::string text_of(const Holder& holder) {
  base::Json object;
  object["host"] = holder.host;
  object["boot"] = holder.boot;
  object["pid_namespace"] = holder.pid_namespace;
  object["pid"] = holder.pid;
  object["started"] = holder.started;
  object["user"] = holder.user;
  object["since"] = holder.since;
  object["command"] = holder.command;
  return base::dump_json_line(object) + "\n";
}

std::optional<Holder> parse_holder(const std::string& text, const fs::path& file) {
  const Result<base::Json> object = base::parse_json(text, file.native());
  if (!object.has_value() || !object->is_object()) return std::nullopt;
  Holder holder;
  holder.host = base::string_or(*object, "host");
  holder.boot = base::string_or(*object, "boot");
  holder.pid_namespace = base::string_or(*object, "pid_namespace");
  holder.pid = base::integer_or(*object, "pid");
  holder.started = base::string_or(*object, "started");
  holder.user = base::integer_or(*object, "user");
  holder.since = base::integer_or(*object, "since");
  holder.command = base::string_or(*object, "command");
  return holder;
}

/// Only what this kernel can tell for sure: a process of this host, boot and pid namespace that is
/// not there any more. Containers and virtual hosts share a boot id, so all three have to agree.
bool is_gone(const Holder& holder) {
  if (holder.pid <= 0 || holder.started.empty() || holder.boot.empty()) return false;
  const Holder here = this_process("");
  if (holder.host != here.host || holder.boot != here.boot) return false;
  if (holder.pid_namespace.empty() || holder.pid_namespace != here.pid_namespace) return false;
  return start_time(holder.pid) != holder.started;
}

Failure held_by(const std::optional<Holder>& holder, const fs::path& prefix, const fs::path& file) {
  const std::string hint =
      fmt::format("wait for it; if it is gone for certain, remove {}", file.native());
  if (!holder.has_value()) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("another process is at work on {} ({} says not which)",
                                 prefix.native(), file.native()),
                     hint);
  }
  return fail_hint(ErrorKind::refused,
                   fmt::format("another process is at work on {}: {}, process {} of user {} on {}, "
                               "since {} UTC",
                               prefix.native(), holder->command, holder->pid, holder->user,
                               holder->host, base::utc_text(holder->since)),
                   hint);
}

std::optional<struct stat> status_of(const fs::path& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

enum class Taken { yes, no };

/// Makes the lock file appear whole: written under another name, then linked. Where the file system
/// has no hard links it is made by O_EXCL and filled afterwards.
Result<Taken> place(const fs::path& file, const fs::path& draft, const std::string& text) {
  base::fault_point("lock.create");
  HPCENV_ASSIGN(base::Fd fd, base::create_new(draft, 0644));
  base::fault_point("lock.write");
  HPCENV_TRY(base::write_all(fd.get(), text, draft));
  base::fault_point("lock.link");
  if (link(draft.c_str(), file.c_str()) == 0) return Taken::yes;
  // ENOENT: another holder swept the draft away, so there is another holder.
  if (errno == EEXIST || errno == ENOENT) return Taken::no;
  base::fault_point("lock.exclusive");
  Result<base::Fd> exclusive = base::create_new(file, 0644);
  if (!exclusive.has_value()) {
    if (base::path_exists(file)) return Taken::no;
    return Failure(std::move(exclusive).error());
  }
  base::fault_point("lock.write");
  HPCENV_TRY(base::write_all(exclusive->get(), text, file));
  return Taken::yes;
}

/// Another process may be writing the draft of its lock in there: it stops when that is gone, so a
/// few rounds do.
Result<> remove_leftover(const fs::path& path) {
  constexpr int rounds = 10;
  Result<> removed;
  for (int round = 0; round < rounds; ++round) {
    removed = base::remove_tree(path);
    if (removed.has_value()) break;
  }
  return removed;
}

Result<Taken> try_place(const fs::path& file, const std::string& text) {
  // A name that the sweep knows, free by make_private_directory's own test.
  HPCENV_ASSIGN(
      const fs::path folder,
      base::make_private_directory(file.parent_path(),
                                   file.filename().native().substr(
                                       0, file.filename().native().size() - lock_ending.size())));
  Result<Taken> taken = place(file, folder / "lock", text);
  // Another holder swept the folder away while it was in use, so there is another holder.
  if (!taken.has_value() && !base::path_exists(folder)) return Taken::no;
  const Result<> removed = remove_leftover(folder);
  if (taken.has_value() && !removed.has_value()) return Failure(removed.error());
  return taken;
}

/// Removes the lock of a dead holder. Breakers meet at a byte lock on the file; who comes second
/// finds under the name nothing, or the next holder's file, which is not a dead one's.
Result<> break_lock(const fs::path& file) {
  const base::Fd fd(open(file.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid()) {
    if (errno == ENOENT) return {};
    return fail_errno(errno, fmt::format("cannot take over {}", file.native()));
  }
  struct flock range{};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  if (fcntl(fd.get(), F_OFD_SETLK, &range) != 0) {
    if (errno == EAGAIN || errno == EACCES) return {};
    return fail_errno(errno, fmt::format("cannot take over {}", file.native()));
  }
  const Result<std::string> text = base::read_file(fmt::format("/proc/self/fd/{}", fd.get()));
  const auto holder = text.has_value() ? parse_holder(*text, file) : std::nullopt;
  if (!holder.has_value() || !is_gone(*holder)) return {};
  // Only now: a holder that ends in the ordinary way takes its file itself, a dead one does not,
  // and other breakers are kept out. So what is found here stays until the unlink.
  struct stat opened{};
  const auto named = status_of(file);
  if (fstat(fd.get(), &opened) != 0 || !named.has_value()) return {};
  if (opened.st_ino != named->st_ino || opened.st_dev != named->st_dev) return {};
  base::fault_point("lock.break");
  if (unlink(file.c_str()) != 0 && errno != ENOENT) {
    return fail_errno(errno, fmt::format("cannot take over {}", file.native()));
  }
  return {};
}

bool is_leftover(std::string_view name, std::string_view stem) {
  if (!name.starts_with(stem) || name.size() != stem.size() + random_length) return false;
  return name.substr(stem.size()).find_first_not_of(random_alphabet) == std::string_view::npos;
}

/// True where something was removed.
Result<bool> sweep(const fs::path& parent, const std::string& stem) {
  HPCENV_ASSIGN(std::vector<std::string> names, base::list_directory(parent));
  bool removed = false;
  for (const std::string& name : names) {
    if (!is_leftover(name, stem)) continue;
    HPCENV_TRY(remove_leftover(parent / name));
    removed = true;
  }
  return removed;
}

}  // namespace

std::string sibling_stem(const fs::path& prefix) {
  std::string name = prefix.filename().native();
  if (name.size() > longest_name) {
    const std::string digest = base::hash_text(base::HashKind::sha256, name);
    name = fmt::format("{}~{}", name.substr(0, longest_name), digest.substr(0, 16));
  }
  return fmt::format(".{}.hpcenv-", name);
}

Result<std::shared_ptr<const PrefixLock>> PrefixLock::acquire(const fs::path& prefix,
                                                              std::string_view purpose) {
  const std::string stem = sibling_stem(prefix);
  const fs::path parent = prefix.parent_path();
  const fs::path file = parent / fmt::format("{}{}", stem, lock_ending);
  const std::string text = text_of(this_process(purpose));
  constexpr int attempts = 8;
  std::optional<Holder> holder;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    HPCENV_ASSIGN(const Taken taken, try_place(file, text));
    const auto status = status_of(file);
    if (taken == Taken::yes && status.has_value()) {
      std::shared_ptr<PrefixLock> lock(new PrefixLock(file, status->st_dev, status->st_ino));
      HPCENV_ASSIGN(lock->swept_, sweep(parent, stem));
      return std::shared_ptr<const PrefixLock>(std::move(lock));
    }
    const Result<std::string> found = base::read_file(file);
    if (!found.has_value()) continue;  // its holder has just finished
    holder = parse_holder(*found, file);
    if (!holder.has_value() || !is_gone(*holder)) break;
    HPCENV_TRY(break_lock(file));
  }
  return held_by(holder, prefix, file);
}

Result<std::shared_ptr<const PrefixLock>> PrefixLock::acquire_inside(const fs::path& prefix,
                                                                     const LockRequest& request,
                                                                     base::Reporter& /*reporter*/) {
  const fs::path file = prefix / ".hpcenv/lock";
  const Holder here = this_process(request.purpose);
  const std::string text = text_of(here);
  std::optional<Holder> holder;
  for (int attempt = 0; attempt < 8; ++attempt) {
    HPCENV_ASSIGN(const Taken taken, try_place(file, text));
    const auto status = status_of(file);
    if (taken == Taken::yes && status.has_value()) {
      std::shared_ptr<PrefixLock> lock(new PrefixLock(file, status->st_dev, status->st_ino));
      lock->token_ = fmt::format("{}-{}", here.pid, here.started);
      return std::shared_ptr<const PrefixLock>(std::move(lock));
    }
    const Result<std::string> found = base::read_file(file);
    if (!found.has_value()) continue;
    holder = parse_holder(*found, file);
    if (!holder.has_value() || !is_gone(*holder)) break;
    HPCENV_TRY(break_lock(file));
  }
  return held_by(holder, prefix, file);
}

PrefixLock::~PrefixLock() { release(); }

void PrefixLock::release() const {
  if (released_.exchange(true)) return;
  const auto status = status_of(file_);
  if (!status.has_value() || status->st_ino != inode_ || status->st_dev != device_) return;
  base::fault_point("lock.release");
  unlink(file_.c_str());
}

}  // namespace hpcenv::prefix
