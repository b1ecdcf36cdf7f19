#include "base/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <thread>
#include <utility>

#include "base/fs.hpp"
#include "base/interrupt.hpp"
#include "base/text.hpp"
#include "base/write_protection.hpp"

namespace hpcenv::base {

namespace {

using Time = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

constexpr milliseconds poll_interval{50};
/// How long a killed child may take to be gone; one stuck in the kernel is left alone then.
constexpr milliseconds reap_patience{2000};
/// Between handing an interrupt on and killing.
constexpr milliseconds interrupt_patience{5000};

Time now() { return std::chrono::steady_clock::now(); }

// ---- the child's side: between fork and execve only async-signal-safe calls, no allocation ----

enum class Stage : int { directory, descriptors, protection, exec };

struct StartFailure {
  Stage stage;
  int error_number;
};

struct ChildPlan {
  const char* program;
  char* const* argv;
  char* const* environment;
  const char* directory;  ///< nullptr: stay
  std::array<int, 3> standard;
  int status;
  int protection;
  pid_t parent;
};

[[noreturn]] void report_and_exit(const ChildPlan& plan, Stage stage) {
  const StartFailure failure{stage, errno};
  [[maybe_unused]] const ssize_t written = write(plan.status, &failure, sizeof failure);
  _exit(127);
}

void reset_signals() {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  // Handlers are reset by execve; only what we ignore is inherited.
  sigaction(SIGPIPE, &action, nullptr);
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void become(const ChildPlan& plan) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != plan.parent) _exit(127);  // the parent died before prctl
  reset_signals();
  if (plan.directory != nullptr && chdir(plan.directory) != 0) {
    report_and_exit(plan, Stage::directory);
  }
  for (int number = 0; number < 3; ++number) {
    // All descriptors of the plan are above 2, so none is overwritten here.
    const int from = plan.standard.at(static_cast<std::size_t>(number));
    if (dup2(from, number) < 0) report_and_exit(plan, Stage::descriptors);
  }
#ifdef SYS_close_range
  constexpr unsigned close_on_exec =
      4;  // CLOSE_RANGE_CLOEXEC, Linux 5.11; before that ours are O_CLOEXEC anyway
  syscall(SYS_close_range, 3U, ~0U, close_on_exec);
#endif
  if (plan.protection >= 0 && !confine_writes(plan.protection)) {
    report_and_exit(plan, Stage::protection);
  }
  execve(plan.program, plan.argv, plan.environment);
  report_and_exit(plan, Stage::exec);
}

// ---- the parent's side ----

/// Strings as execve takes them; the vector has to outlive the array.
std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// Moves a descriptor out of the way of 0, 1 and 2.
Result<Fd> above_standard(Fd fd) {
  if (fd.get() > 2) return fd;
  Fd moved(fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!moved.valid()) return fail_errno(errno, "cannot duplicate a descriptor");
  return moved;
}

struct Pipe {
  Fd reader;
  Fd writer;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "cannot make a pipe");
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  HPCENV_ASSIGN(Fd safe_reader, above_standard(std::move(reader)));
  HPCENV_ASSIGN(Fd safe_writer, above_standard(std::move(writer)));
  return Pipe{std::move(safe_reader), std::move(safe_writer)};
}

void set_nonblocking(const Fd& fd) {
  fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

Result<Fd> open_null() {
  HPCENV_ASSIGN(Fd null, open_read("/dev/null"));
  return above_standard(std::move(null));
}

/// A started child and the parent's ends of its pipes.
struct Child {
  pid_t pid = -1;
  Fd input;
  Fd output;
  Fd errors;
  Fd status;
  Fd pidfd;
};

Result<Child> start(const ProcessRequest& request, const fs::path& program) {
  HPCENV_ASSIGN(Pipe output, make_pipe());
  HPCENV_ASSIGN(Pipe errors, make_pipe());
  HPCENV_ASSIGN(Pipe status, make_pipe());
  Pipe input;
  if (request.input.empty()) {
    HPCENV_ASSIGN(input.reader, open_null());
  } else {
    HPCENV_ASSIGN(input, make_pipe());
  }
  const std::vector<std::string> block = request.environment.block();
  const std::vector<char*> environment = pointers_to(block);
  const std::vector<char*> argv = pointers_to(request.argv);
  const ChildPlan plan{program.c_str(),
                       argv.data(),
                       environment.data(),
                       request.directory.empty() ? nullptr : request.directory.c_str(),
                       {input.reader.get(), output.writer.get(), errors.writer.get()},
                       status.writer.get(),
                       request.protection,
                       getpid()};
  const pid_t pid = fork();
  if (pid < 0) return fail_errno(errno, fmt::format("cannot start {}", program.native()));
  if (pid == 0) become(plan);
  setpgid(pid, pid);  // in both processes: whoever comes first
  Child child;
  child.pid = pid;
  child.input = std::move(input.writer);
  child.output = std::move(output.reader);
  child.errors = std::move(errors.reader);
  child.status = std::move(status.reader);
#ifdef SYS_pidfd_open
  child.pidfd = Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0U)));
#endif
  for (const Fd* fd : {&child.input, &child.output, &child.errors, &child.status}) {
    if (fd->valid()) set_nonblocking(*fd);
  }
  return child;
}

/// Reads what is there; closes the descriptor at the end of the stream.
void drain(Fd& fd, std::string& kept, std::size_t limit) {
  std::array<char, 16384> buffer;
  while (fd.valid()) {
    const ssize_t got = read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      fd = Fd();
      return;
    }
    const std::size_t room = limit - std::min(limit, kept.size());
    kept.append(buffer.data(), std::min(room, static_cast<std::size_t>(got)));
  }
}

class Watch {
 public:
  Watch(Child child, const ProcessRequest& request)
      : child_(std::move(child)), request_(request), rest_(request.input) {}

  Result<ProcessResult> wait();

 private:
  void wait_for_news(milliseconds longest);
  void move_data();
  void write_input();
  bool reap();
  void kill_group(int signal_number) const { kill(-child_.pid, signal_number); }
  /// Reads on until the child is gone; false when it is still there at `end`.
  bool reap_until(Time end);
  Result<ProcessResult> stop_for_interrupt();
  Result<ProcessResult> result();

  Child child_;
  const ProcessRequest& request_;
  std::string_view rest_;  ///< of the input
  ProcessResult result_;
  std::string status_text_;
  int wait_status_ = 0;
};

void Watch::wait_for_news(milliseconds longest) {
  std::array<pollfd, 5> waits{};
  nfds_t count = 0;
  const auto add = [&](const Fd& fd, short events) {
    if (fd.valid()) waits.at(count++) = pollfd{fd.get(), events, 0};
  };
  add(child_.output, POLLIN);
  add(child_.errors, POLLIN);
  add(child_.status, POLLIN);
  add(child_.pidfd, POLLIN);
  add(child_.input, POLLOUT);
  // Without a pidfd (Linux < 5.3) nothing tells that the child has ended.
  const milliseconds step = child_.pidfd.valid() ? poll_interval : milliseconds(10);
  poll(waits.data(), count, static_cast<int>(std::clamp(longest, milliseconds(0), step).count()));
}

void Watch::write_input() {
  while (child_.input.valid() && !rest_.empty()) {
    const ssize_t written = write(child_.input.get(), rest_.data(), rest_.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) return;
    if (written < 0) break;  // EPIPE: the child does not want the rest
    rest_.remove_prefix(static_cast<std::size_t>(written));
  }
  child_.input = Fd();
}

void Watch::move_data() {
  write_input();
  drain(child_.output, result_.output, request_.output_limit);
  drain(child_.errors, result_.errors, request_.output_limit);
  drain(child_.status, status_text_, sizeof(StartFailure));
}

bool Watch::reap() {
  const pid_t done = waitpid(child_.pid, &wait_status_, WNOHANG);
  return done == child_.pid || (done < 0 && errno == ECHILD);
}

bool Watch::reap_until(Time end) {
  for (;;) {
    move_data();
    if (reap()) return true;
    const Time time = now();
    if (time >= end) return false;
    wait_for_news(std::chrono::ceil<milliseconds>(end - time));
  }
}

Result<ProcessResult> Watch::stop_for_interrupt() {
  kill_group(interrupt_signal());
  if (!reap_until(now() + interrupt_patience)) {
    kill_group(SIGKILL);
    reap_until(now() + reap_patience);
  }
  HPCENV_TRY(check_interrupt());
  return result();
}

Result<ProcessResult> Watch::wait() {
  const bool limited = request_.deadline.count() > 0;
  const Time end = now() + request_.deadline;
  for (;;) {
    move_data();
    if (reap()) {
      move_data();  // what it wrote last; pipes that grandchildren hold open are not waited for
      result_.left_children = kill(-child_.pid, 0) == 0;
      if (request_.leftovers == ProcessRequest::Leftovers::killed) kill_group(SIGKILL);
      return result();
    }
    if (interrupt_signal() != 0) return stop_for_interrupt();
    const milliseconds left =
        limited ? std::chrono::ceil<milliseconds>(end - now()) : milliseconds::max();
    if (left.count() <= 0) {
      kill_group(SIGKILL);
      reap_until(now() + reap_patience);
      result_.end = ProcessResult::End::timed_out;
      result_.code = SIGKILL;
      return std::move(result_);
    }
    wait_for_news(left);
  }
}

Result<ProcessResult> Watch::result() {
  if (status_text_.size() == sizeof(StartFailure)) {
    StartFailure failure{};
    std::copy_n(status_text_.data(), sizeof failure, reinterpret_cast<char*>(&failure));
    const bool directory = failure.stage == Stage::directory;
    const std::string what = directory ? fmt::format("cannot enter {}", request_.directory.native())
                                       : fmt::format("cannot start {}", request_.argv.front());
    Failure error = fail_errno(failure.error_number, what);
    if (failure.error_number == ENOENT) error.error().kind = ErrorKind::not_found;
    return error;
  }
  if (WIFSIGNALED(wait_status_)) {
    result_.end = ProcessResult::End::signalled;
    result_.code = WTERMSIG(wait_status_);
  } else {
    result_.code = WEXITSTATUS(wait_status_);
  }
  return std::move(result_);
}

bool is_program(const fs::path& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         access(path.c_str(), X_OK) == 0;
}

Result<fs::path> locate(const std::vector<std::string>& argv, const Environment& environment) {
  if (argv.empty() || argv.front().empty()) return fail(ErrorKind::usage, "no program was named");
  const std::string& name = argv.front();
  // A path is taken as it is: the kernel says best what is wrong with it.
  if (name.find('/') != std::string::npos) return fs::path(name);
  const std::optional<fs::path> found = find_program(name, environment);
  if (!found.has_value()) return fail(ErrorKind::not_found, "{}: no such program in PATH", name);
  return *found;
}

/// Says which variable keeps every program from being started: the kernel takes 128 KiB a string.
void name_longest(const std::vector<std::string>& block, Error& error) {
  constexpr std::size_t longest = 131'071;
  for (const std::string& entry : block) {
    if (entry.size() <= longest) continue;
    error.message += fmt::format(": the variable {} has {} bytes, more than a program can be given",
                                 entry.substr(0, entry.find('=')), entry.size());
  }
}

class PosixProcessRunner final : public ProcessRunner {
 public:
  Result<ProcessResult> run(const ProcessRequest& request) override {
    HPCENV_ASSIGN(fs::path program, locate(request.argv, request.environment));
    if (!request.directory.empty() && program.is_relative()) {
      HPCENV_ASSIGN(program, resolve_path(program));
    }
    HPCENV_TRY(check_interrupt());
    HPCENV_ASSIGN(Child child, start(request, program));
    return Watch(std::move(child), request).wait();
  }
};

}  // namespace

std::unique_ptr<ProcessRunner> make_process_runner() {
  std::signal(SIGPIPE, SIG_IGN);
  return std::make_unique<PosixProcessRunner>();
}

std::optional<fs::path> find_program(const std::string& name, const Environment& environment) {
  if (name.find('/') != std::string::npos) {
    return is_program(name) ? std::optional<fs::path>(name) : std::nullopt;
  }
  const std::string path = environment.get_or("PATH", "/usr/local/bin:/bin:/usr/bin");
  for (const std::string_view directory : split(path, ':')) {
    fs::path candidate = fs::path(directory.empty() ? "." : directory) / name;
    if (is_program(candidate)) return candidate;
  }
  return std::nullopt;
}

Error exec_program(const std::vector<std::string>& argv, const Environment& environment) {
  Result<fs::path> program = locate(argv, environment);
  if (!program.has_value()) return std::move(program).error();
  const std::vector<std::string> block = environment.block();
  const std::vector<char*> variables = pointers_to(block);
  const std::vector<char*> arguments = pointers_to(argv);
  reset_signals();
  execve(program->c_str(), arguments.data(), variables.data());
  const int error_number = errno;
  const bool interpreter_missing = error_number == ENOENT && path_exists(*program);
  Error error = fail_errno(error_number, fmt::format("cannot run {}", program->native())).error();
  if (error_number == ENOENT) error.kind = ErrorKind::not_found;
  if (error_number == E2BIG) name_longest(block, error);
  if (interpreter_missing) {
    error.kind = ErrorKind::io;
    error.hints.emplace_back(
        "the file is there: the interpreter in its first line, or its loader, is missing");
  }
  return error;
}

}  // namespace hpcenv::base
