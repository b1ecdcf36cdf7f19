#include "base/process.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <fstream>
#include <thread>

#include "base/interrupt.hpp"
#include "base/text.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::base;
using End = ProcessResult::End;
using std::chrono::milliseconds;
using Time = std::chrono::steady_clock;

namespace {

ProcessRequest shell(const std::string& script) {
  ProcessRequest request;
  request.argv = {"sh", "-c", script};
  request.environment.set("PATH", "/usr/bin:/bin");
  return request;
}

Result<ProcessResult> run(const ProcessRequest& request) {
  return make_process_runner()->run(request);
}

bool is_alive(const std::string& pid) {
  std::ifstream status("/proc/" + pid + "/stat");
  std::string text;
  if (!std::getline(status, text)) return false;
  return text.find(") Z ") == std::string::npos;
}

bool dies_soon(const std::string& pid) {
  for (int i = 0; i < 200 && is_alive(pid); ++i) std::this_thread::sleep_for(milliseconds(10));
  return !is_alive(pid);
}

}  // namespace

TEST_CASE("output, errors and exit code come apart") {
  const ProcessResult result = run(shell("echo out; echo err >&2; exit 7")).value();
  CHECK(result.end == End::exited);
  CHECK(result.code == 7);
  CHECK(result.output == "out\n");
  CHECK(result.errors == "err\n");
  CHECK_FALSE(result.succeeded());
  CHECK(run(shell("true")).value().succeeded());
}

TEST_CASE("a signal is told from an exit code") {
  const ProcessResult result = run(shell("kill -SEGV $$")).value();
  CHECK(result.end == End::signalled);
  CHECK(result.code == SIGSEGV);
}

TEST_CASE("the environment is the one given and no other") {
  ProcessRequest request = shell("env");
  request.environment.set("A", "b c");
  const ProcessResult result = run(request).value();
  CHECK(result.output.find("A=b c\n") != std::string::npos);
  CHECK(result.output.find("HOME=") == std::string::npos);
}

TEST_CASE("input larger than a pipe arrives, and a child that does not read it is no harm") {
  ProcessRequest request = shell("wc -c");
  request.input = std::string(1'000'000, 'x');
  CHECK(trim(run(request).value().output) == "1000000");
  request.argv.back() = "exit 3";
  CHECK(run(request).value().code == 3);
  CHECK(run(shell("cat")).value().output.empty());
}

TEST_CASE("output beyond the limit is read and dropped") {
  ProcessRequest request = shell("head -c 3000000 /dev/zero; echo end >&2");
  request.output_limit = 1000;
  const ProcessResult result = run(request).value();
  CHECK(result.output.size() == 1000);
  CHECK(result.errors == "end\n");
  CHECK(result.succeeded());
}

TEST_CASE("a directory is entered, a missing one is named") {
  const test::TemporaryDirectory directory;
  ProcessRequest request = shell("pwd");
  request.directory = directory.path();
  CHECK(trim(run(request).value().output) == directory.path().native());
  request.directory = directory / "none";
  const Error error = run(request).error();
  CHECK(error.message.starts_with("cannot enter " + (directory / "none").native()));
}

TEST_CASE("a program that cannot be started is an error that says why") {
  const test::TemporaryDirectory directory;
  ProcessRequest request = shell("");
  request.argv = {"no-such-program"};
  CHECK(run(request).error().kind == ErrorKind::not_found);
  CHECK(run(request).error().message == "no-such-program: no such program in PATH");
  request.argv = {directory / "none"};
  CHECK(run(request).error().kind == ErrorKind::not_found);
  test::put_file(directory / "text", "no program");
  request.argv = {directory / "text"};
  CHECK(run(request).error().kind == ErrorKind::io);
  CHECK(run(request).error().message.find("Permission denied") != std::string::npos);
  request.argv = {};
  CHECK(run(request).error().kind == ErrorKind::usage);
}

TEST_CASE("at the deadline the whole group dies") {
  ProcessRequest request = shell("sleep 60 & echo $!; wait");
  request.deadline = milliseconds(200);
  const Time::time_point start = Time::now();
  const ProcessResult result = run(request).value();
  CHECK(result.end == End::timed_out);
  CHECK(Time::now() - start < milliseconds(2000));
  CHECK(dies_soon(std::string(trim(result.output))));
}

TEST_CASE("a grandchild that keeps the pipes open is not waited for") {
  const Time::time_point start = Time::now();
  const ProcessResult result = run(shell("sleep 3 & echo started $!")).value();
  CHECK(result.succeeded());
  CHECK(result.output.starts_with("started"));
  CHECK(Time::now() - start < milliseconds(1500));
  kill(std::stoi(result.output.substr(8)), SIGKILL);
}

TEST_CASE("what a child leaves behind is seen, and dies where that is asked for") {
  ProcessRequest request = shell("sleep 60 >/dev/null 2>&1 & echo $!");
  const ProcessResult left = run(request).value();
  CHECK(left.left_children);
  CHECK(is_alive(left.output.substr(0, left.output.size() - 1)));
  kill(std::stoi(left.output), SIGKILL);
  request.leftovers = ProcessRequest::Leftovers::killed;
  const ProcessResult killed = run(request).value();
  CHECK(killed.left_children);
  CHECK(dies_soon(killed.output.substr(0, killed.output.size() - 1)));
  CHECK_FALSE(run(shell("true")).value().left_children);
}

TEST_CASE("an interrupt is handed on and ends the wait") {
  std::thread signaller([] {
    std::this_thread::sleep_for(milliseconds(200));
    set_interrupt(SIGTERM);
  });
  const Time::time_point start = Time::now();
  const Result<ProcessResult> result = run(shell("sleep 60"));
  signaller.join();
  CHECK(run(shell("true")).error().kind == ErrorKind::terminated);
  set_interrupt(0);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().kind == ErrorKind::terminated);
  CHECK(Time::now() - start < milliseconds(2000));
}

TEST_CASE("no descriptor of ours reaches the child, and SIGPIPE has its default there") {
  const Fd leaked(open("/dev/null", O_RDONLY));  // without O_CLOEXEC
  const ProcessResult result =
      run(shell("ls /proc/self/fd; grep SigIgn /proc/self/status")).value();
  // 3 is ls reading the directory.
  CHECK(result.output.starts_with("0\n1\n2\n3\nSigIgn"));
  CHECK(result.output.find("SigIgn:\t0000000000000000") != std::string::npos);
}

TEST_CASE("thirty children leave no descriptor and no zombie") {
  const auto count = [] { return fs::directory_iterator("/proc/self/fd"); };
  const auto before = std::distance(count(), fs::directory_iterator());
  const auto runner = make_process_runner();
  for (int i = 0; i < 30; ++i) CHECK(runner->run(shell("exit 0")).value().succeeded());
  CHECK(std::distance(count(), fs::directory_iterator()) == before);
}

TEST_CASE("PATH is searched as execvp does") {
  const test::TemporaryDirectory directory;
  test::put_file(directory / "first/tool", "#!/bin/sh\n");
  test::put_file(directory / "second/tool", "#!/bin/sh\n");
  fs::create_directories(directory / "first/other");
  REQUIRE(chmod((directory / "second/tool").c_str(), 0755) == 0);
  Environment environment;
  environment.set("PATH", (directory / "first").native() + ":" + (directory / "second").native());
  // Neither a file that is not executable nor a directory is a program.
  CHECK(find_program("tool", environment) == directory / "second/tool");
  CHECK_FALSE(find_program("other", environment).has_value());
  CHECK(find_program("/bin/sh", environment) == "/bin/sh");
  environment.unset("PATH");
  CHECK(find_program("sh", environment).has_value());
}

TEST_CASE("a variable that is too long for any program is named") {
  Environment environment;
  environment.set("LONG", std::string(200'000, 'x'));
  const Error error = exec_program({"/bin/true"}, environment);
  CHECK(
      error.message.find("the variable LONG has 200005 bytes, more than a program can be given") !=
      std::string::npos);
}

TEST_CASE("exec_program returns only to say why not") {
  const test::TemporaryDirectory directory;
  Environment environment;
  environment.set("PATH", directory.path());
  CHECK(exec_program({"none"}, environment).kind == ErrorKind::not_found);
  test::put_file(directory / "script", "#!/no/such/interpreter\n");
  REQUIRE(chmod((directory / "script").c_str(), 0755) == 0);
  const Error error = exec_program({"script"}, environment);
  CHECK(error.kind == ErrorKind::io);
  REQUIRE(error.hints.size() == 1);
  CHECK(error.hints[0].find("interpreter") != std::string::npos);
  CHECK(exec_program({(directory / "none").native()}, environment).kind == ErrorKind::not_found);
}
