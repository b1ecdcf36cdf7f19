// External programs beside each other, each with its own deadline.
#pragma once

#include <vector>

#include "base/process.hpp"

namespace hpcenv::base {

/// Runs all of them at the same time and comes back when the last has ended or has met its
/// deadline; results in the order of the requests, those of ProcessRunner::run each. The runner is
/// called from several threads.
std::vector<Result<ProcessResult>> run_beside(ProcessRunner& runner,
                                              const std::vector<ProcessRequest>& requests);

}  // namespace hpcenv::base
