// Steps and sessions of Slurm that somebody waits for, in an environment.
#pragma once

#include <filesystem>
#include <string>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "ops/activate.hpp"
#include "shell/activation.hpp"
#include "slurm/job_request.hpp"

namespace hpcenv::ops {

/// srun with the program of the request, inside the allocation that `environment` is in, else in
/// one of its own. Each task activates for itself.
Started step_of(const slurm::JobRequest& request, const shell::Activation& activation,
                const base::Environment& environment);

/// The user's shell on the first node of an allocation, with all that it has, and free for steps
/// within (salloc and the interactive step of 20.11); in an allocation a shell beside what runs.
/// `program` is the hpcenv that the node starts.
Started session_of(const slurm::JobRequest& request, const shell::Activation& activation,
                   const std::filesystem::path& program, const base::Environment& environment);

bool is_in_allocation(const base::Environment& environment);

}  // namespace hpcenv::ops
