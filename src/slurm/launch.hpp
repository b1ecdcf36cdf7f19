// The end of a job script: how its program is started. Pure.
#pragma once

#include <string>
#include <string_view>

#include "slurm/job_request.hpp"

namespace hpcenv::slurm {

/// Lines of bash that become the program, or start it and hand signals on; the last of a script.
std::string launch_lines(const JobRequest& request);
/// Lines that look first whether each node of the job fits the environment in `prefix`; empty where
/// nobody asks.
std::string check_lines(const JobRequest& request, std::string_view prefix);
/// What makes nodes meet on the right interface; empty on one node and where it is not known.
std::string network_lines(const JobRequest& request);

}  // namespace hpcenv::slurm
