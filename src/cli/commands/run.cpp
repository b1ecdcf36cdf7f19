// hpcenv run
#include <unistd.h>

#include <array>
#include <cerrno>

#include "cli/commands/become.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/named_environment.hpp"
#include "cli/session.hpp"
#include "ops/activate.hpp"
#include "ops/cuda_compat.hpp"
#include "ops/locations.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"-n,--name", "NAME", "name of the environment"},
    OptionSpec{"-p,--prefix", "PREFIX", "or its path; without both: the active one"},
    OptionSpec{"--cwd", "DIR", "start the program there"},
    OptionSpec{"-e,--env", "NAME=VALUE", "a variable for the program", OptionSpec::Kind::many},
    OptionSpec{"--cuda-compat", "", "with the environment's newer libcuda, if this node may use it",
               OptionSpec::Kind::flag},
    OptionSpec{"--no-capture-output,--live-stream", "", "accepted: nothing is ever captured",
               OptionSpec::Kind::flag},
};

constexpr std::array examples{
    "hpcenv run -n work python train.py --epochs 3",
    "hpcenv run -p /scratch/me/env -- nvcc --version",
    "hpcenv run -n torch --cuda-compat -- python train.py",
    "hpcenv run -n work -e OMP_NUM_THREADS=4 --cwd results ./simulate",
};

// The user's words come last: they win over the environment's variables.
Result<> add_variables(const Arguments& arguments, shell::Activation& activation) {
  for (const std::string& word : arguments.values("env")) {
    const std::size_t equal = word.find('=');
    if (equal == 0 || equal == std::string::npos) {
      return fail_hint(ErrorKind::usage, fmt::format("'{}' is no variable", word),
                       "write -e NAME=VALUE");
    }
    activation.last_operations.push_back(
        {shell::Operation::Kind::set, word.substr(0, equal), word.substr(equal + 1)});
  }
  return {};
}

// Decided on the node that runs the program, for this process only.
void add_compat(const ops::EnvironmentRef& environment, Session& session,
                shell::Activation& activation) {
  const ops::CompatDecision decision =
      ops::decide_compat(environment.prefix, session.reader(), session.clock());
  if (!decision.words.empty()) session.reporter().warning(decision.words);
  if (decision.directory.empty()) return;
  activation.last_operations.push_back(
      {shell::Operation::Kind::prepend, "LD_LIBRARY_PATH", decision.directory});
}

Result<> enter_directory(const std::string& directory) {
  if (directory.empty() || chdir(directory.c_str()) == 0) {
    return {};
  }
  return fail_errno(errno, fmt::format("cannot start in {}", directory));
}

Result<int> run(const Arguments& arguments, Session& session) {
  if (arguments.operands().empty()) {
    return fail_hint(ErrorKind::usage, "no program is named",
                     "hpcenv run -n NAME PROGRAM [ARGUMENT...]");
  }
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  HPCENV_ASSIGN(const ops::EnvironmentRef environment, named_environment(arguments, locations));
  HPCENV_ASSIGN(
      shell::Activation activation,
      ops::activation_for(environment, ops::ForNode::this_one, locations, session.local_seams()));
  HPCENV_TRY(add_variables(arguments, activation));
  if (arguments.has("cuda-compat")) add_compat(environment, session, activation);
  HPCENV_TRY(enter_directory(arguments.value("cwd")));
  return become(ops::start_in(activation, arguments.operands(), session.environment()), session);
}

}  // namespace

constexpr CommandSpec run_command{
    .name = "run",
    .summary = "run a program inside an environment",
    .synopsis = "[-n NAME | -p PREFIX] [--] PROGRAM [ARGUMENT...]",
    .details =
        "The program takes the place of hpcenv: signals reach it and its exit code is the exit "
        "code.\n"
        "It starts from a clean state: variables of another conda and PYTHONPATH are not handed "
        "on.\n"
        "--cuda-compat puts PREFIX/cuda-compat (package cuda-compat) in front of LD_LIBRARY_PATH "
        "where\n"
        "the driver and GPU of this node may use it: a data-centre GPU, and a driver that is "
        "older.\n"
        "Elsewhere it says why not, and the program runs with the driver's own libcuda.\n"
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
