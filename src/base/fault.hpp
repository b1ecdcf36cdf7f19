// Points where a test kills the process or fails a call; nothing in release builds.
#pragma once

#include "base/result.hpp"

namespace hpcenv::base {

#ifdef HPCENV_FAULTS
/// Called before each syscall that changes the disk. $HPCENV_FAULT_KILL=N kills the process
/// (SIGKILL) at the Nth point passed, $HPCENV_FAULT_LOG=FILE appends the name of each point passed,
/// $HPCENV_FAULT_STOP=NAME:N stops it (SIGSTOP) at the Nth pass of that point.
void fault_point(const char* name);
#else
inline void fault_point(const char* /*name*/) {}
#endif

}  // namespace hpcenv::base
