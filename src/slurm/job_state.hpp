// What Slurm says of a job. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hpcenv::slurm {

struct JobState {
  std::string state;   ///< "PENDING", "RUNNING", "COMPLETED", "FAILED", "TIMEOUT", ...
  std::string reason;  ///< why it waits or ended: "Resources", "NonZeroExitCode", "None"
  bool finished = false;
  std::string log;    ///< StdOut of one job, its patterns filled in; empty for several
  int exit_code = 0;  ///< once finished: the program's; 128 + signal; never 0 for a job that failed
};

/// From `scontrol -o show job ID`: one line, or one for each task of an array (the worst counts).
/// nullopt where the text tells of no job.
std::optional<JobState> parse_scontrol_job(std::string_view text);
/// From `sacct -nXP -o State,ExitCode -j ID`, where scontrol has forgotten the job.
std::optional<JobState> parse_sacct_job(std::string_view text);

struct SubmittedId {
  std::string id;
  std::string cluster;  ///< empty: the one that is asked by default
};
/// From `sbatch --parsable`: "4711" or "4711;cluster", plugins' chatter before it left out.
std::optional<SubmittedId> parse_submitted_id(std::string_view text);

/// The time in "sbatch: Job 3 to start at 2026-11-26T01:02:03 using ..."; empty where there is
/// none.
std::string expected_start(std::string_view test_only_text);

}  // namespace hpcenv::slurm
