// Activation of a prefix on this disk: reads what makes it, then hands it on or runs a program in
// it.
#pragma once

#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/reporter.hpp"
#include "base/result.hpp"
#include "ops/locations.hpp"
#include "shell/activation.hpp"

namespace hpcenv::ops {

/// Refused while a change of the prefix is unfinished, naming the command that completes it; a
/// writer that may be alive is waited for (prefix/readers.hpp).
Result<shell::Activation> activation_for(const EnvironmentRef& environment,
                                         base::Reporter& reporter);

/// How a program is started inside the environment.
struct Started {
  std::vector<std::string> argv;
  base::Environment environment;
};
/// activate.d scripts are sourced in bash, which becomes the program then; on a host without bash
/// they are left out, and `warning` says so.
Started start_in(const shell::Activation& activation, const std::vector<std::string>& command,
                 const base::Environment& environment, std::string& warning);

/// Replaces this process by `command` inside the environment, as `start_in` starts it; returns only
/// on failure.
Error run_in(const shell::Activation& activation, const std::vector<std::string>& command,
             const base::Environment& environment, std::string& warning);

}  // namespace hpcenv::ops
