// Entering and leaving environments in a running shell: what the disk says goes to shell/, lines
// for the shell come back.
#pragma once

#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "ops/locations.hpp"
#include "ops/seams.hpp"
#include "shell/shell_change.hpp"

namespace hpcenv::ops {

struct ShellWish {
  shell::Dialect dialect = shell::Dialect::bash;
  shell::Stacking stacking = shell::Stacking::replace;
  shell::PromptFormat prompt;
};

/// What is recorded of the environment's scripts is set without them; of the others bash and zsh
/// source those for sh, fish and csh those written for them, and what is for sh only is run in a
/// bash of its own, whose variables are taken over. While a commit of the environment is unfinished
/// a live writer is waited for, then it is refused, naming the command that completes it.
Result<std::string> enter_lines(const Locations& locations, const EnvironmentRef& environment,
                                const base::Environment& now, const ShellWish& wish,
                                const LocalSeams& seams);
/// Empty where no environment is active. Kind refused as shell::render. An active environment that
/// is gone or damaged can be left all the same.
Result<std::string> leave_lines(const Locations& locations, const base::Environment& now,
                                const ShellWish& wish, const LocalSeams& seams);

}  // namespace hpcenv::ops
