// What is wrong with a job and can be known before Slurm is asked for it.
#pragma once

#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "ops/seams.hpp"
#include "ops/submit.hpp"

namespace hpcenv::ops {

/// The warnings. not_found: no Slurm here, no such partition or program. network: the controller
/// does not answer. usage, refused: an option that Slurm cannot read, or that the site does not
/// offer.
Result<std::vector<std::string>> look_before(const SubmitRequest& request, const LocalSeams& seams);

/// Slurm makes no directory for the output; the job would fail without leaving a word anywhere.
/// Refused where there is none that can be written, or that the nodes do not see.
Result<> check_output(const SubmitRequest& request, const base::Environment& environment);

}  // namespace hpcenv::ops
