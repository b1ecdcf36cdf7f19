// hpcenv slurm script
#include <array>

#include "base/json.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/named_environment.hpp"
#include "cli/commands/slurm_options.hpp"
#include "cli/session.hpp"
#include "ops/activate.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array examples{
    "hpcenv slurm script -n work --time 2:00:00 -- python train.py > train.sh",
    "hpcenv slurm script -n gpu --partition gpu --gpus 1 -- ./simulate --steps 100",
};

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(const slurm::JobRequest request, job_request_of(arguments));
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  HPCENV_ASSIGN(const ops::EnvironmentRef environment, named_environment(arguments, locations));
  HPCENV_ASSIGN(
      const shell::Activation activation,
      ops::activation_for(environment, ops::ForNode::any, locations, session.local_seams()));
  const std::string script = slurm::job_script(request, activation);
  if (session.output().json()) {
    base::Json body;
    body["script"] = script;
    session.output().print_json(body, true);
  } else {
    session.output().print(script);
  }
  return 0;
}

}  // namespace

constexpr CommandSpec slurm_script_command{
    .name = "slurm script",
    .summary = "print a job script that runs a program in an environment",
    .synopsis = "(-n NAME | -p PREFIX) [OPTIONS] -- PROGRAM [ARGUMENT...]",
    .details =
        "The script needs no `conda init` and no hpcenv on the node. Read it, keep it, change it;\n"
        "submit it with sbatch.",
    .operands = CommandSpec::Operands::program,
    .options = slurm_job_options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(slurm_script_command));

}  // namespace hpcenv::cli
