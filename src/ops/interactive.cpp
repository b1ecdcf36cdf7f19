#include "ops/interactive.hpp"

#include "slurm/job_script.hpp"

namespace hpcenv::ops {
namespace {

void add(std::vector<std::string>& words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
}

base::Environment without_overruled(const slurm::JobRequest& request,
                                    const base::Environment& environment, std::string_view start) {
  base::Environment clean = environment;
  for (const std::string& name : slurm::overruled_variables(request, start)) clean.unset(name);
  // Tasks would start without any variable, and find no program.
  clean.unset("SLURM_EXPORT_ENV");
  return clean;
}

}  // namespace

bool is_in_allocation(const base::Environment& environment) {
  return !environment.get_or("SLURM_JOB_ID", "").empty();
}

Started step_of(const slurm::JobRequest& request, const shell::Activation& activation,
                const base::Environment& environment) {
  Started started;
  started.environment = without_overruled(request, environment, "SLURM_");
  started.argv = {"srun"};
  add(started.argv, slurm::srun_words(request));
  add(started.argv, {"/bin/bash", "-c", slurm::node_script(request, activation), "hpcenv"});
  add(started.argv, request.command);
  return started;
}

Started session_of(const slurm::JobRequest& request, const shell::Activation& activation,
                   const std::filesystem::path& program, const base::Environment& environment) {
  Started started;
  if (is_in_allocation(environment)) {
    started.environment = without_overruled(request, environment, "SLURM_");
    started.argv = {"srun", "--overlap", "--pty"};
    add(started.argv, slurm::srun_words(request));
  } else {
    started.environment = without_overruled(request, environment, "SALLOC_");
    started.argv = {"salloc"};
    slurm::JobRequest without_mpi = request;
    without_mpi.mpi.clear();  // which salloc does not know
    add(started.argv, slurm::srun_words(without_mpi));
    add(started.argv, {"srun", "--interactive", "--preserve-env", "--pty"});
  }
  add(started.argv,
      {"/bin/bash", "-c", slurm::session_script(request, activation, program.string()), "hpcenv"});
  return started;
}

}  // namespace hpcenv::ops
