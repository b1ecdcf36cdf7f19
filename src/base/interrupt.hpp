// One interrupt flag for the process, polled by transfers, parallel_for, waits and
// children.
#pragma once

#include "base/result.hpp"

namespace hpcenv::base {

/// Installs handlers for SIGINT, SIGTERM, SIGHUP that set the flag (once, from main); ignores
/// SIGPIPE.
void watch_interrupts();
/// The signal that came, or 0. Safe from any thread.
int interrupt_signal();
/// A failure of kind interrupted or terminated when the flag is set.
Result<> check_interrupt();
/// As if the signal had come; 0 clears: for tests, and for who runs a program after one came.
void set_interrupt(int signal_number);

}  // namespace hpcenv::base
