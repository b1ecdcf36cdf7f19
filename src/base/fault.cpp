#include "base/fault.hpp"

#ifdef HPCENV_FAULTS

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

namespace hpcenv::base {

namespace {

// Test builds only: read here and not in main, so that every program with fault points obeys the
// same variables.
long kill_at() {
  const char* text = std::getenv("HPCENV_FAULT_KILL");
  return text == nullptr ? 0 : std::strtol(text, nullptr, 10);
}

int open_log() {
  const char* path = std::getenv("HPCENV_FAULT_LOG");
  return path == nullptr ? -1 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

/// $HPCENV_FAULT_STOP, "NAME" or "NAME:N": where the process stops, and at which pass of the point.
struct StopAt {
  std::string name;
  long pass = 1;
};

StopAt stop_at() {
  const char* text = std::getenv("HPCENV_FAULT_STOP");
  if (text == nullptr) return {};
  const char* colon = std::strchr(text, ':');
  if (colon == nullptr) return {text, 1};
  return {std::string(text, colon), std::strtol(colon + 1, nullptr, 10)};
}

}  // namespace

void fault_point(const char* name) {
  static const long target = kill_at();
  static const int log = open_log();
  static std::atomic<long> passed{0};
  const long number = ++passed;
  if (log >= 0) {
    const std::string line = std::string(name) + '\n';
    [[maybe_unused]] const ssize_t written = write(log, line.data(), line.size());
  }
  if (number == target) kill(getpid(), SIGKILL);
  static const StopAt stop = stop_at();
  static std::atomic<long> met{0};
  if (stop.name == name && ++met == stop.pass) kill(getpid(), SIGSTOP);
}

}  // namespace hpcenv::base

#endif
