// What the commands of jobs share: the options of a job, and the request that they make.
#pragma once

#include <array>
#include <cstddef>

#include "cli/command.hpp"
#include "cli/session.hpp"
#include "ops/locations.hpp"
#include "ops/site_layer.hpp"
#include "shell/activation.hpp"
#include "slurm/job_request.hpp"

namespace hpcenv::cli {

/// The environment, the machines, and what a job may have of them.
inline constexpr std::array slurm_place_options{
    OptionSpec{"-n,--name", "NAME", "environment that the job runs in"},
    OptionSpec{"-p,--prefix", "PREFIX", "or its path"},
    OptionSpec{"--on", "TARGET", "the machines of this target, asked for in the site's own way"},
    OptionSpec{"--partition", "NAME", "partition"},
    OptionSpec{"--constraint", "FEATURES", "features that the nodes have to have"},
    OptionSpec{"--gpus", "[TYPE:]N", "GPUs on each node"},
    OptionSpec{"--gpus-per-task", "[TYPE:]N", "GPUs for each task, which sees no others"},
    OptionSpec{"--time", "TIME", "time limit: minutes, HH:MM:SS or D-HH:MM:SS"},
    OptionSpec{"--nodes", "N", "nodes (default: 1)"},
    OptionSpec{"--ntasks", "N", "tasks, which are processes that srun starts"},
    OptionSpec{"--ntasks-per-node", "N", "tasks on each node"},
    OptionSpec{"--cpus,--cpus-per-task", "N", "processors for each task"},
    OptionSpec{"--mem", "SIZE", "memory of each node, e.g. 16G"},
    OptionSpec{"--account", "NAME", "account"},
    OptionSpec{"--qos", "NAME", "quality of service"},
    OptionSpec{"--job-name", "NAME", "name of the job (default: the program's)"},
    OptionSpec{"--sbatch", "OPTION", "a further option for Slurm, as one word",
               OptionSpec::Kind::many},
};

/// What batch jobs take besides.
inline constexpr std::array slurm_batch_options{
    OptionSpec{"--launcher", "WHO", "none, srun (where there are several tasks), torchrun, mpi"},
    OptionSpec{"--mpi", "TYPE", "the --mpi of srun (default: as the MPI library wants it)"},
    OptionSpec{"--array", "RANGE",
               "a job a number, in SLURM_ARRAY_TASK_ID; 1-100%10: 10 at a time"},
    OptionSpec{"--dependency", "LIST", "wait for other jobs, e.g. afterok:4711"},
    OptionSpec{"--requeue-on-signal", "SIG@SECONDS",
               "USR1@120: signal so long before the limit, queue again after it"},
    OptionSpec{"--check", "", "look first, in the job, whether its node fits the environment",
               OptionSpec::Kind::flag},
    OptionSpec{"--mail-type", "EVENTS", "when to write, e.g. END,FAIL"},
    OptionSpec{"--mail-user", "ADDRESS", "to whom"},
    OptionSpec{"--output", "FILE", "where the job's output goes (default: slurm-%j.out)"},
};

/// The options of several tables, one after the other.
template <std::size_t... Sizes>
constexpr auto joined_options(const std::array<OptionSpec, Sizes>&... tables) {
  std::array<OptionSpec, (Sizes + ...)> all{};
  std::size_t i = 0;
  const auto add = [&](const auto& table) {
    for (const OptionSpec& option : table) all[i++] = option;
  };
  (add(tables), ...);
  return all;
}

/// What was typed and nothing else. Kind usage for a launcher or a signal that cannot be read.
Result<slurm::JobRequest> typed_request(const Arguments& arguments);

/// A job that Slurm can be asked for.
struct PreparedJob {
  slurm::JobRequest request;  ///< with what the target (--on) and the site want; valid
  shell::Activation activation;
  ops::Locations locations;
  ops::SiteLayer site;
};
/// Kind usage where no program is named or an option cannot be read; kinds of host::load_target,
/// ops::site_layer and ops::activation_for. Warnings are told.
Result<PreparedJob> prepared_job(const Arguments& arguments, Session& session);
/// The same for a shell, which is the program.
Result<PreparedJob> prepared_session(const Arguments& arguments, Session& session);

/// ops::look_before, its warnings told.
Result<> look_before(const PreparedJob& job, Session& session);

}  // namespace hpcenv::cli
