// Hands a job to Slurm: looks first, says what is wrong before anything is submitted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "ops/seams.hpp"
#include "shell/activation.hpp"
#include "slurm/job_request.hpp"

namespace hpcenv::ops {

struct SubmitRequest {
  slurm::JobRequest job;
  shell::Activation activation;
  std::filesystem::path state;              ///< the script is kept in its jobs/<id>/job.sh, 0700
  std::filesystem::path working_directory;  ///< where the job runs
};

/// The file of the log as it was before: what an earlier job left there is not this one's.
struct LogBefore {
  std::int64_t size = 0;
  std::int64_t changed = -1;  ///< nanoseconds since the epoch; -1: there was none, or nobody knows
  bool appended = false;      ///< the job adds to it
};

struct SubmitOutcome {
  std::string job_id;
  std::string cluster;           ///< only where Slurm names one
  std::filesystem::path script;  ///< the copy; empty where it could not be kept
  std::string expected_start;    ///< as Slurm estimates; empty where it does not
  std::vector<std::string> warnings;
  LogBefore log_before;
};

/// Kinds of look_before. network: sbatch did not come back. refused: Slurm, the site's rules or our
/// own checks say no, with the option to change. On failure nothing was submitted, unless it says
/// otherwise, and no script is left.
Result<SubmitOutcome> submit(const SubmitRequest& request, const LocalSeams& seams);

}  // namespace hpcenv::ops
