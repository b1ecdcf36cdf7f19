#include "base/file_lock.hpp"

#include <fcntl.h>

#include <cerrno>
#include <thread>

#include "base/interrupt.hpp"

namespace hpcenv::base {

namespace {

constexpr std::chrono::milliseconds poll_interval{50};

enum class Attempt { taken, busy };

Result<Attempt> try_lock(int fd, const std::filesystem::path& path) {
  struct flock range{};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  for (;;) {
    if (fcntl(fd, F_OFD_SETLK, &range) == 0) return Attempt::taken;
    if (errno == EAGAIN || errno == EACCES) return Attempt::busy;
    if (errno != EINTR) return fail_errno(errno, fmt::format("cannot lock {}", path.native()));
  }
}

}  // namespace

Result<FileLock> FileLock::acquire(const std::filesystem::path& path,
                                   std::chrono::milliseconds deadline) {
  const int number = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (number < 0) return fail_errno(errno, fmt::format("cannot open {}", path.native()));
  Fd fd(number);
  const auto end = std::chrono::steady_clock::now() + deadline;
  for (;;) {
    HPCENV_ASSIGN(const Attempt attempt, try_lock(fd.get(), path));
    if (attempt == Attempt::taken) return FileLock(std::move(fd));
    HPCENV_TRY(check_interrupt());
    if (std::chrono::steady_clock::now() >= end) {
      return fail_hint(ErrorKind::refused,
                       fmt::format("{} is locked by another process", path.native()),
                       "wait until that process has ended, then run the command again");
    }
    std::this_thread::sleep_for(poll_interval);
  }
}

}  // namespace hpcenv::base
