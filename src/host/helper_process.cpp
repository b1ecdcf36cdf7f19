#include "host/helper_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include "base/fs.hpp"
#include "base/interrupt.hpp"
#include "host/helper_image.hpp"

namespace hpcenv::host {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t output_limit = 256U << 10U;
/// How long a killed child may take to be reaped; one in uninterruptible sleep never is.
constexpr milliseconds reap_patience{250};

/// Strings of a child as execve wants them, made before fork: nothing allocates after it.
class StringBlock {
 public:
  explicit StringBlock(std::vector<std::string> strings) : strings_(std::move(strings)) {
    for (std::string& text : strings_) pointers_.push_back(text.data());
    pointers_.push_back(nullptr);
  }
  char* const* data() const { return pointers_.data(); }

 private:
  std::vector<std::string> strings_;
  std::vector<char*> pointers_;
};

struct Pipe {
  base::Fd read_end;
  base::Fd write_end;
};

std::optional<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  Pipe made{above_standard(base::Fd(ends[0])), above_standard(base::Fd(ends[1]))};
  if (!made.read_end.valid() || !made.write_end.valid()) return std::nullopt;
  fcntl(made.read_end.get(), F_SETFL, O_NONBLOCK);
  return made;
}

/// What the child needs; plain values only.
struct ChildPlan {
  int image;
  int answer;
  int status;
  pid_t parent;
  char* const* arguments;
  char* const* environment;
};

void close_rest_on_exec() {
#ifdef SYS_close_range
  constexpr unsigned close_range_cloexec = 4;
  syscall(SYS_close_range, static_cast<unsigned>(answer_fd + 1), ~0U, close_range_cloexec);
#endif
}

void redirect_standard() {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < answer_fd; ++fd) {
    if (null < 0) {
      close(fd);
    } else {
      dup2(null, fd);
    }
  }
}

[[noreturn]] void become_helper(const ChildPlan& plan) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != plan.parent) _exit(127);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  redirect_standard();
  dup2(plan.answer, answer_fd);
  close_rest_on_exec();
  syscall(SYS_execveat, plan.image, "", plan.arguments, plan.environment, AT_EMPTY_PATH);
  if (errno == ENOSYS) {  // kernels before 3.19
    std::array<char, 32> path{"/proc/self/fd/"};
    std::size_t end = 14;
    if (plan.image >= 100) path.at(end++) = static_cast<char>('0' + plan.image / 100 % 10);
    path.at(end++) = static_cast<char>('0' + plan.image / 10 % 10);
    path.at(end++) = static_cast<char>('0' + plan.image % 10);
    execve(path.data(), plan.arguments, plan.environment);
  }
  const int error = errno;
  [[maybe_unused]] const ssize_t told = write(plan.status, &error, sizeof error);
  _exit(127);
}

milliseconds left_until(Clock::time_point deadline) {
  return std::max(milliseconds{0},
                  std::chrono::duration_cast<milliseconds>(deadline - Clock::now()));
}

/// A started child; its end is collected by polling, never by a wait that can block.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}

  bool has_ended() {
    if (ended_) return true;
    const pid_t result = waitpid(pid_, &status_, WNOHANG);
    // ECHILD: somebody who ignores SIGCHLD had it reaped; its status is lost.
    ended_ = result == pid_ || (result < 0 && errno == ECHILD);
    return ended_;
  }

  void wait_until(Clock::time_point deadline) {
    while (!has_ended() && Clock::now() < deadline) usleep(1000);
  }

  void kill_group() {
    if (!ended_) kill(-pid_, SIGKILL);
    wait_until(Clock::now() + reap_patience);
  }

  bool was_signalled() const { return ended_ && WIFSIGNALED(status_); }
  int code() const { return was_signalled() ? WTERMSIG(status_) : WEXITSTATUS(status_); }

 private:
  pid_t pid_;
  int status_ = 0;
  bool ended_ = false;
};

enum class Collected { closed, timed_out, interrupted };

/// False at the end of what can be read.
bool drain(int fd, std::string& into) {
  std::array<char, 4096> block{};
  while (true) {
    const ssize_t count = read(fd, block.data(), block.size());
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (count == 0) return false;
    const std::size_t room = output_limit - into.size();
    into.append(block.data(), std::min(room, static_cast<std::size_t>(count)));
  }
}

Collected collect(int fd, Child& child, Clock::time_point deadline, std::string& output) {
  while (true) {
    if (base::interrupt_signal() != 0) return Collected::interrupted;
    const milliseconds left = left_until(deadline);
    if (left.count() == 0) return Collected::timed_out;
    pollfd waiting{fd, POLLIN, 0};
    poll(&waiting, 1, static_cast<int>(std::min(left, milliseconds{50}).count()));
    if (!drain(fd, output)) return Collected::closed;
    // A grandchild may hold the pipe open after the helper has gone.
    if (child.has_ended()) {
      drain(fd, output);
      return Collected::closed;
    }
  }
}

struct Started {
  std::optional<Child> child;
  base::Fd answer;
  int error = 0;
};

/// errno of a failed exec; 0 where it succeeded, or takes longer than the deadline.
int read_status(int fd, milliseconds deadline) {
  pollfd waiting{fd, POLLIN, 0};
  if (poll(&waiting, 1, static_cast<int>(deadline.count())) <= 0) return 0;
  int error = 0;
  const ssize_t count = read(fd, &error, sizeof error);
  return count == static_cast<ssize_t>(sizeof error) ? error : 0;
}

/// The write end of `status` closes when exec succeeds.
Started start(int image, const HelperRequest& request) {
  std::optional<Pipe> answer = make_pipe();
  std::optional<Pipe> status = make_pipe();
  if (!answer || !status) return {std::nullopt, base::Fd(), errno};
  std::vector<std::string> words{"hpcenv-probe"};
  words.insert(words.end(), request.arguments.begin(), request.arguments.end());
  const StringBlock arguments(std::move(words));
  const StringBlock environment(request.environment.block());
  const ChildPlan plan{image,    answer->write_end.get(), status->write_end.get(),
                       getpid(), arguments.data(),        environment.data()};
  const pid_t pid = fork();
  if (pid < 0) return {std::nullopt, base::Fd(), errno};
  if (pid == 0) become_helper(plan);
  setpgid(pid, pid);
  answer->write_end = base::Fd();
  status->write_end = base::Fd();
  Child child(pid);
  if (const int error = read_status(status->read_end.get(), request.deadline); error != 0) {
    child.wait_until(Clock::now() + reap_patience);
    return {std::nullopt, base::Fd(), error};
  }
  return {child, std::move(answer->read_end), 0};
}

HelperRun watch(Started started, milliseconds deadline) {
  HelperRun run;
  Child& child = *started.child;
  const Clock::time_point until = Clock::now() + deadline;
  const Collected collected = collect(started.answer.get(), child, until, run.output);
  if (collected == Collected::closed) child.wait_until(until);
  if (collected != Collected::closed || !child.has_ended()) {
    child.kill_group();
    run.end = collected == Collected::interrupted ? HelperRun::End::interrupted
                                                  : HelperRun::End::timed_out;
    return run;
  }
  run.end = child.was_signalled() ? HelperRun::End::signalled : HelperRun::End::exited;
  run.code = child.code();
  return run;
}

/// What a file system or a sysctl forbids; another place for the image may do.
bool may_work_elsewhere(int error) {
  return error == EACCES || error == EPERM || error == ENOSYS || error == ETXTBSY;
}

}  // namespace

HelperRun run_helper(const HelperRequest& request) {
  HelperRun failed;
  failed.code = ENOSYS;
  ImagePlaces places(request.image, request.environment);
  while (true) {
    const base::Fd image = places.next();
    if (!image.valid()) return failed;
    Started started = start(image.get(), request);
    if (started.child) return watch(std::move(started), request.deadline);
    failed.code = started.error;
    if (!may_work_elsewhere(started.error)) return failed;
  }
}

}  // namespace hpcenv::host
