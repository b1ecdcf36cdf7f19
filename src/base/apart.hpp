// A function in a process of its own: what it reads may hang or be cut off under it (a dead file
// server, a file that shrinks while it is mapped), and the caller goes on all the same.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace hpcenv::base {

struct ApartResult {
  enum class End { answered, timed_out, crashed, interrupted, cannot_start };
  End end = End::cannot_start;
  int code = 0;  ///< of a crash: the signal, or 0 where it left without an answer; errno of a start
  std::string answer;
};

/// The largest answer; a longer one counts as a crash.
inline constexpr std::size_t apart_answer_limit = std::size_t{4} << 20U;

/// Runs `task` in a forked child and hands over what it returns. Comes back within the deadline
/// plus a quarter of a second whatever the child does: it is killed, and left behind where the
/// kernel does not let it die. The child must not use threads of the caller; it writes nothing to
/// the caller's streams. An interrupt (base/interrupt.hpp) ends it early.
ApartResult run_apart(const std::function<std::string()>& task, std::chrono::milliseconds deadline);

}  // namespace hpcenv::base
