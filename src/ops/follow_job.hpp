// Waits for a job, and shows what it writes meanwhile.
#pragma once

#include <functional>
#include <string_view>

#include "base/result.hpp"
#include "ops/seams.hpp"
#include "ops/submit.hpp"
#include "slurm/job_state.hpp"

namespace hpcenv::ops {

/// What waiting tells: new bytes of the log, as they come.
using LogSink = std::function<void(std::string_view bytes)>;

/// Asks Slurm until the job has ended (no deadline; an interrupt leaves the job alone and the error
/// says so). An empty sink, and a job of several tasks of an array, show no log; nor does a log
/// that cannot be read here. While it waits for nodes the reporter tells why. Kind io where Slurm
/// has forgotten the job.
Result<slurm::JobState> follow_job(const SubmitOutcome& job, const LogSink& sink,
                                   const LocalSeams& seams);

}  // namespace hpcenv::ops
