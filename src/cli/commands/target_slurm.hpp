// What `target add` and `target refresh` share: a target made by jobs.
#pragma once

#include <string>

#include "cli/command.hpp"
#include "cli/session.hpp"
#include "cli/target_view.hpp"

namespace hpcenv::cli {

/// Whether an option is given that only a job has use for.
bool asks_slurm(const Arguments& arguments);
Result<int> add_through_slurm(const std::string& name, const Arguments& arguments,
                              Session& session);
/// With what the target has stored; says what has changed. Kind refused where it was not made by a
/// job, or is the site's.
Result<int> refresh_through_slurm(const std::string& name, const Arguments& arguments,
                                  Session& session);

/// Warns of what the user may not have meant.
void warn_of_target(const TargetView& view, Session& session);

/// Targets whose jobs have run meanwhile are finished, and said so.
void pick_up_targets(Session& session);

}  // namespace hpcenv::cli
