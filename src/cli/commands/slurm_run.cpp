// hpcenv slurm run
#include <array>

#include "cli/commands/become.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/slurm_options.hpp"
#include "cli/session.hpp"
#include "ops/interactive.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array own_options{
    OptionSpec{"--mpi", "TYPE", "the --mpi of srun (default: Slurm's)"},
};
constexpr auto options = joined_options(slurm_place_options, own_options);

constexpr std::array examples{
    "hpcenv slurm run -n torch --on gpu -- python -c 'import torch; "
    "print(torch.cuda.is_available())'",
    "hpcenv slurm run -n mpi --ntasks 8 -- ./simulate",
};

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(PreparedJob job, prepared_job(arguments, session));
  if (!ops::is_in_allocation(session.environment())) {
    HPCENV_TRY(look_before(job, session));
  }
  return become(ops::step_of(job.request, job.activation, session.environment()), session);
}

}  // namespace

constexpr CommandSpec slurm_run_command{
    .name = "slurm run",
    .summary = "run a program in an environment on a node, and wait for it",
    .synopsis = "(-n NAME | -p PREFIX) [OPTIONS] -- PROGRAM [ARGUMENT...]",
    .details =
        "This is srun: outside an allocation it asks for one, inside it starts a step there. The\n"
        "exit code is the program's. In a step 127 says that the environment or the program is "
        "not\n"
        "there, 125 that the environment is half-changed.",
    .operands = CommandSpec::Operands::program,
    .options = options,
    .examples = examples,
    .run = run,
    .failure_code = cannot_run,
};
static_assert(well_formed(slurm_run_command));

}  // namespace hpcenv::cli
