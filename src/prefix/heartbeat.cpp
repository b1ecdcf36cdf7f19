#include "prefix/heartbeat.hpp"

#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <system_error>

namespace hpcenv::prefix {

namespace {

#ifdef HPCENV_FAULTS
// Test builds only, as base/fault.cpp: every program with fault points obeys the same variables.
void shorten(std::chrono::milliseconds& time, const char* variable) {
  const char* text = std::getenv(variable);
  if (text != nullptr) time = std::chrono::milliseconds(std::strtol(text, nullptr, 10));
}
#endif

}  // namespace

LockTiming lock_timing() {
  LockTiming timing;
#ifdef HPCENV_FAULTS
  shorten(timing.beat, "HPCENV_FAULT_LOCK_BEAT");
  shorten(timing.silence, "HPCENV_FAULT_LOCK_SILENCE");
  shorten(timing.poll, "HPCENV_FAULT_LOCK_POLL");
#endif
  return timing;
}

Heartbeat::Heartbeat(base::Fd file, std::chrono::milliseconds interval)
    : file_(std::move(file)), interval_(interval) {
  // Signals are for the main thread, whose blocked calls they have to bring back.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { beat(); });
  } catch (const std::system_error&) {
    stopped_ = true;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Heartbeat::~Heartbeat() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Heartbeat::beat() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, interval_, [this] { return stopped_; })) {
    // Unlocked: on a file system that hangs only this thread hangs. The server's own time is set,
    // and who waits compares change.
    lock.unlock();
    static_cast<void>(futimens(file_.get(), nullptr));
    lock.lock();
  }
}

}  // namespace hpcenv::prefix
