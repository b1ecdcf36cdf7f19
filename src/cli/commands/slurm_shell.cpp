// hpcenv slurm shell
#include <unistd.h>

#include <array>

#include "cli/commands/become.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/shell_words.hpp"
#include "cli/commands/slurm_options.hpp"
#include "cli/session.hpp"
#include "ops/interactive.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array examples{
    "hpcenv slurm shell -n torch --on gpu --time 1:00:00",
    "hpcenv slurm shell -n work --partition cpu --cpus-per-task 8 --mem 16G",
};

Result<int> run(const Arguments& arguments, Session& session) {
  if (isatty(STDIN_FILENO) != 1) {
    return fail_hint(ErrorKind::usage, "a shell on a node wants a terminal, and stdin is none",
                     "run a program with: hpcenv slurm run -n NAME -- PROGRAM");
  }
  HPCENV_ASSIGN(PreparedJob job, prepared_session(arguments, session));
  if (!ops::is_in_allocation(session.environment())) {
    HPCENV_TRY(look_before(job, session));
  }
  return become(ops::session_of(job.request, job.activation, own_path(), session.environment()),
                session);
}

}  // namespace

constexpr CommandSpec slurm_shell_command{
    .name = "slurm shell",
    .summary = "start your shell on a node, active in an environment",
    .synopsis = "(-n NAME | -p PREFIX) [OPTIONS]",
    .details =
        "It waits until Slurm has a node, then your shell starts there as `hpcenv shell` starts "
        "it;\n"
        "`exit` gives the node back. Within, srun starts steps with all that the session has.",
    .operands = CommandSpec::Operands::none,
    .options = slurm_place_options,
    .examples = examples,
    .run = run,
    .failure_code = cannot_run,
};
static_assert(well_formed(slurm_shell_command));

}  // namespace hpcenv::cli
