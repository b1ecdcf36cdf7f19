#include "base/interrupt.hpp"

#include <atomic>
#include <csignal>

namespace hpcenv::base {

namespace {

std::atomic<int> pending_signal{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler stores it");

extern "C" void note_signal(int signal_number) {
  // A second Ctrl-C means it: default action, no more polling.
  if (pending_signal.exchange(signal_number) != 0 && signal_number == SIGINT) {
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);
  }
}

}  // namespace

void watch_interrupts() {
  struct sigaction action{};
  action.sa_handler = note_signal;
  sigemptyset(&action.sa_mask);
  // No SA_RESTART: a blocked read or wait comes back and its caller looks at the flag.
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before{};
    // Who was started with SIGHUP ignored (nohup) keeps that.
    if (sigaction(signal_number, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    sigaction(signal_number, &action, nullptr);
  }
  std::signal(SIGPIPE, SIG_IGN);
}

int interrupt_signal() { return pending_signal.load(); }

Result<> check_interrupt() {
  const int signal_number = interrupt_signal();
  if (signal_number == 0) return {};
  if (signal_number == SIGINT) return fail(ErrorKind::interrupted, "interrupted");
  return fail(ErrorKind::terminated, "stopped by signal {}", signal_number);
}

void set_interrupt(int signal_number) { pending_signal.store(signal_number); }

}  // namespace hpcenv::base
