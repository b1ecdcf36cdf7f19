// A job before it goes to Slurm: what the target and the site want, and what its software needs.
#pragma once

#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "ops/locations.hpp"
#include "ops/seams.hpp"
#include "ops/site_layer.hpp"
#include "slurm/job_request.hpp"

namespace hpcenv::ops {

struct JobSetting {
  std::string target;          ///< --on; empty: none
  EnvironmentRef environment;  ///< that the program runs in
};

/// What `request` leaves open: from the target, then the site's defaults; the lines of the site's
/// head before those of the target. Kinds of host::load_target, slurm::complete and site_layer.
Result<> complete_job(slurm::JobRequest& request, const JobSetting& setting, const SiteLayer& layer,
                      const Locations& locations, const base::Environment& environment);

/// What the launcher has to know of the software: the --mpi that the program's MPI library wants,
/// whether torchrun takes an address. The sentences are for the user: a type of MPI with which
/// every task would run alone, an MPI library that is not known.
Result<std::vector<std::string>> suit_launcher(slurm::JobRequest& request,
                                               const JobSetting& setting, const LocalSeams& seams);

}  // namespace hpcenv::ops
