// Hands a job to Slurm: looks first, says what is wrong before anything is submitted.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/environment.hpp"
#include "base/process.hpp"
#include "base/result.hpp"
#include "shell/activation.hpp"
#include "slurm/job_request.hpp"
#include "slurm/job_state.hpp"

namespace hpcenv::ops {

struct SubmitRequest {
  slurm::JobRequest job;
  shell::Activation activation;
  std::filesystem::path state;              ///< the script is kept in its jobs/<id>/job.sh, 0700
  std::filesystem::path working_directory;  ///< where the job runs
};

struct SubmitOutcome {
  std::string job_id;
  std::string cluster;           ///< only where Slurm names one
  std::filesystem::path script;  ///< the copy; empty where it could not be kept
  std::string expected_start;    ///< as Slurm estimates; empty where it does not
  std::vector<std::string> warnings;
};

/// What can be known before anything is asked of Slurm: kinds as of `submit`; the warnings.
Result<std::vector<std::string>> look_before(const SubmitRequest& request,
                                             base::ProcessRunner& runner,
                                             const base::Environment& environment);

/// not_found: no Slurm here, no such partition, or no such program. network: the controller does
/// not answer. usage: an option that sbatch cannot read. refused: Slurm, the site's rules or our
/// own checks say no, with the option to change. On failure nothing was submitted and no script is
/// left.
Result<SubmitOutcome> submit(const SubmitRequest& request, base::ProcessRunner& runner,
                             const base::Environment& environment);

/// Asks Slurm until the job has ended (no deadline; an interrupt leaves the job alone and the error
/// says so). Kind io where Slurm has forgotten the job.
Result<slurm::JobState> wait_for_job(const SubmitOutcome& job, base::ProcessRunner& runner,
                                     const base::Environment& environment,
                                     const base::Clock& clock);

}  // namespace hpcenv::ops
