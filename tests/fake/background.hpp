// A server that runs beside a test: started, asked for its address (first line of stdout), ended
// with the object.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace hpcenv::fake {

class Background {
 public:
  explicit Background(std::vector<std::string> arguments) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    child_ = fork();
    if (child_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that crashes leaves no server behind
      dup2(ends[1], STDOUT_FILENO);
      execvp(argv[0], argv.data());
      _exit(127);
    }
    close(ends[1]);
    char letter = 0;
    while (read(ends[0], &letter, 1) == 1 && letter != '\n') address_ += letter;
    close(ends[0]);
    if (address_.empty()) throw std::runtime_error("cannot start " + arguments.front());
  }
  ~Background() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  const std::string& address() const { return address_; }

 private:
  pid_t child_ = -1;
  std::string address_;
};

/// The Python of the tests, as ctest hands it down; else the one in PATH.
inline std::string python() {
  const char* path = std::getenv("HPCENV_TEST_PYTHON");  // NOLINT(concurrency-mt-unsafe)
  return path == nullptr ? "python3" : path;
}

}  // namespace hpcenv::fake
