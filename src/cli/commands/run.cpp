// hpcenv run
#include <array>

#include "cli/commands/commands.hpp"
#include "cli/session.hpp"
#include "ops/activate.hpp"
#include "ops/locations.hpp"

namespace hpcenv::cli {
namespace {

// Codes of our own failures, as env(1) and the shells use them: they seldom are a program's.
constexpr int cannot_run = 125;
constexpr int not_executable = 126;
constexpr int not_found = 127;

constexpr std::array options{
    OptionSpec{"-n,--name", "NAME", "name of the environment"},
    OptionSpec{"-p,--prefix", "PREFIX", "or its path"},
};

constexpr std::array examples{
    "hpcenv run -n work python train.py --epochs 3",
    "hpcenv run -p /scratch/me/env -- nvcc --version",
};

Result<int> run(const Arguments& arguments, Session& session) {
  if (arguments.operands().empty()) {
    return fail_hint(ErrorKind::usage, "no program is named",
                     "hpcenv run -n NAME PROGRAM [ARGUMENT...]");
  }
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  HPCENV_ASSIGN(
      const ops::EnvironmentRef environment,
      ops::existing_environment(locations, arguments.value("name"), arguments.value("prefix")));
  HPCENV_ASSIGN(const shell::Activation activation,
                ops::activation_for(environment, session.reporter()));
  std::string warning;
  Error error = ops::run_in(activation, arguments.operands(), session.environment(), warning);
  if (!warning.empty()) {
    session.reporter().warning(warning);
  }
  session.output().say(fmt::format("error: {}\n", error.message));
  return error.kind == ErrorKind::not_found ? not_found : not_executable;
}

}  // namespace

constexpr CommandSpec run_command{
    .name = "run",
    .summary = "run a program inside an environment",
    .synopsis = "(-n NAME | -p PREFIX) [--] PROGRAM [ARGUMENT...]",
    .details =
        "The program takes the place of hpcenv: signals reach it and its exit code is the exit "
        "code.\n"
        "It starts from a clean state: variables of another conda and PYTHONPATH are not handed "
        "on.\n"
        "Failures of hpcenv itself leave with 125, a program that cannot be executed with 126, one "
        "that\n"
        "is not found with 127.",
    .operands = CommandSpec::Operands::program,
    .options = options,
    .examples = examples,
    .run = run,
    .failure_code = cannot_run,
};
static_assert(well_formed(run_command));

}  // namespace hpcenv::cli
