// hpcenv slurm script
#include <array>

#include "base/json.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/slurm_options.hpp"
#include "cli/session.hpp"
#include "slurm/job_script.hpp"

namespace hpcenv::cli {
namespace {

constexpr auto options = joined_options(slurm_place_options, slurm_batch_options);

constexpr std::array examples{
    "hpcenv slurm script -n work --time 2:00:00 -- python train.py > train.sh",
    "hpcenv slurm script -n torch --on gpu --time 2:00:00 -- python train.py",
    "hpcenv slurm script -n torch --on gpu --nodes 2 --gpus 4 --launcher torchrun -- train.py",
    "hpcenv slurm script -n mpi --nodes 4 --ntasks-per-node 32 --launcher mpi -- ./simulate",
};

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(const PreparedJob job, prepared_job(arguments, session));
  const std::string script = slurm::job_script(job.request, job.activation);
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
        "submit it with sbatch. --on asks for the machines of a target as the site wants it.\n"
        "With torchrun the words after -- are what follows torchrun: its options, the script.",
    .operands = CommandSpec::Operands::program,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(slurm_script_command));

}  // namespace hpcenv::cli
