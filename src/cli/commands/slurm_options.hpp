// What `slurm script` and `slurm submit` share: the options of a job, and the request that they
// make.
#pragma once

#include <array>

#include "cli/command.hpp"
#include "cli/session.hpp"
#include "ops/locations.hpp"
#include "slurm/job_script.hpp"

namespace hpcenv::cli {

inline constexpr std::array slurm_job_options{
    OptionSpec{"-n,--name", "NAME", "environment that the job runs in"},
    OptionSpec{"-p,--prefix", "PREFIX", "or its path"},
    OptionSpec{"--partition", "NAME", "partition"},
    OptionSpec{"--gpus", "[TYPE:]N", "GPUs on the node"},
    OptionSpec{"--time", "TIME", "time limit: minutes, HH:MM:SS or D-HH:MM:SS"},
    OptionSpec{"--cpus", "N", "processors"},
    OptionSpec{"--mem", "SIZE", "memory, e.g. 16G"},
    OptionSpec{"--account", "NAME", "account"},
    OptionSpec{"--qos", "NAME", "quality of service"},
    OptionSpec{"--job-name", "NAME", "name of the job (default: the program's)"},
    OptionSpec{"--output", "FILE", "where the job's output goes (default: slurm-%j.out)"},
    OptionSpec{"--sbatch", "OPTION", "a further option for sbatch, as one word",
               OptionSpec::Kind::many},
};

/// Kind usage where no program is named.
Result<slurm::JobRequest> job_request_of(const Arguments& arguments);

}  // namespace hpcenv::cli
