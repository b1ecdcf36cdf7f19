#include "base/apart.hpp"

#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <new>
#include <optional>

#include "base/fs.hpp"
#include "base/interrupt.hpp"

namespace hpcenv::base {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds reap_patience{250};
constexpr milliseconds poll_interval{5};

/// Where the child leaves its answer; pages that nobody writes cost nothing.
struct Board {
  std::size_t length;
  bool complete;
  char text[apart_answer_limit];  // NOLINT(modernize-avoid-c-arrays): shared between processes
};

class SharedBoard {
 public:
  SharedBoard()
      : place_(mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                    0)) {}
  SharedBoard(const SharedBoard&) = delete;
  SharedBoard& operator=(const SharedBoard&) = delete;
  ~SharedBoard() {
    if (valid()) munmap(place_, sizeof(Board));
  }
  bool valid() const { return place_ != MAP_FAILED; }
  Board* get() const { return static_cast<Board*>(place_); }

 private:
  void* place_;
};

[[noreturn]] void answer_and_leave(const std::function<std::string()>& task, pid_t parent,
                                   Board* board) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP, SIGSEGV, SIGBUS, SIGABRT, SIGFPE}) {
    signal(signal_number, SIG_DFL);
  }
  const std::string answer = task();
  if (answer.size() > apart_answer_limit) _exit(1);
  std::memcpy(&board->text[0], answer.data(), answer.size());
  board->length = answer.size();
  board->complete = true;
  _exit(0);
}

struct Child {
  pid_t pid;
  Fd pidfd;  ///< readable once it has ended; none before Linux 5.3
};

Fd open_pidfd([[maybe_unused]] pid_t child) {
#ifdef SYS_pidfd_open
  return Fd(static_cast<int>(syscall(SYS_pidfd_open, child, 0U)));
#else
  return {};
#endif
}

/// The wait status, once the child is gone; nullopt where it is still there at `until`.
std::optional<int> reap_until(const Child& child, Clock::time_point until) {
  while (true) {
    int status = 0;
    const pid_t got = waitpid(child.pid, &status, WNOHANG);
    if (got == child.pid) return status;
    if (got < 0 && errno != EINTR) return 0;
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
    if (left.count() <= 0) return std::nullopt;
    pollfd wait{child.pidfd.get(), POLLIN, 0};
    const bool told = child.pidfd.valid();
    const auto longest = told ? left : std::min(left, poll_interval);
    poll(&wait, told ? 1 : 0, static_cast<int>(longest.count()));
  }
}

ApartResult stopped(const Child& child, ApartResult::End end) {
  kill(-child.pid, SIGKILL);
  kill(child.pid, SIGKILL);
  reap_until(child, Clock::now() + reap_patience);
  return {end, 0, {}};
}

}  // namespace

ApartResult run_apart(const std::function<std::string()>& task, milliseconds deadline) {
  const SharedBoard board;
  if (!board.valid()) return {ApartResult::End::cannot_start, errno, {}};
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return {ApartResult::End::cannot_start, errno, {}};
  if (pid == 0) answer_and_leave(task, parent, board.get());
  setpgid(pid, pid);
  const Child child{pid, open_pidfd(pid)};
  const Clock::time_point until = Clock::now() + deadline;
  while (true) {
    if (interrupt_signal() != 0) return stopped(child, ApartResult::End::interrupted);
    const auto status = reap_until(child, std::min(until, Clock::now() + milliseconds(50)));
    if (status && board.get()->complete) {
      return {ApartResult::End::answered, 0,
              std::string(&board.get()->text[0], board.get()->length)};
    }
    if (status)
      return {ApartResult::End::crashed, WIFSIGNALED(*status) ? WTERMSIG(*status) : 0, {}};
    if (Clock::now() >= until) return stopped(child, ApartResult::End::timed_out);
  }
}

}  // namespace hpcenv::base
