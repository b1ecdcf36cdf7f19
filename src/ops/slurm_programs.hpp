// Slurm's programs, asked with deadlines and in an environment that holds nothing that would change
// their answers.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/process.hpp"
#include "base/result.hpp"

namespace hpcenv::ops {

/// Without SBATCH_*, SALLOC_* and the variables that set formats (SQUEUE_FORMAT, ...), all of which
/// come before options or change what is printed; with LC_ALL=C. What names the cluster stays.
base::Environment slurm_environment(const base::Environment& environment);

/// One question; `deadline` ends it. Kinds of ProcessRunner::run.
Result<base::ProcessResult> ask_slurm_program(base::ProcessRunner& runner,
                                              const base::Environment& environment,
                                              std::vector<std::string> argv,
                                              std::chrono::milliseconds deadline);
base::ProcessRequest slurm_question(const base::Environment& environment,
                                    std::vector<std::string> argv,
                                    std::chrono::milliseconds deadline);

/// Kind not_found where there is no Slurm, network where its controller does not answer: told in
/// 2 s at most, where sinfo would take 9 and more.
Result<> check_controller(base::ProcessRunner& runner, const base::Environment& environment);

}  // namespace hpcenv::ops
