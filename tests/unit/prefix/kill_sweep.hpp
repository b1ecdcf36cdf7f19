// What the tests of kills at every fault point share: acts in children, and sweeps in processes of
// their own.
#pragma once

#include <functional>
#include <string>

namespace hpcenv::test {

struct Ending {
  bool killed = false;
  int code = 0;  ///< 0: the act said true, 3: false
};

/// In a child, so that the fault points of this process are never passed. `kill_at` 0: not killed.
Ending in_child(const std::function<bool()>& act, int kill_at);

/// Runs the hidden test case with this tag, whose output has to hold `proof`. Skips where the build
/// has no fault points.
void run_sweep(const std::string& tag, const std::string& proof);

}  // namespace hpcenv::test
