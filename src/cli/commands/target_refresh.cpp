// hpcenv target refresh
#include <array>

#include "cli/commands/commands.hpp"
#include "cli/commands/target_slurm.hpp"
#include "cli/commands/target_words.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"--wait", "SECONDS", "how long to wait for the job (default: 120)"},
    OptionSpec{"--no-wait", "", "do not wait", OptionSpec::Kind::flag},
};

constexpr std::array examples{"hpcenv target refresh gpu", "hpcenv target refresh gpu --no-wait"};

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(const std::string name, target_name(arguments));
  pick_up_targets(session);
  return refresh_through_slurm(name, arguments, session);
}

}  // namespace

constexpr CommandSpec target_refresh_command{
    .name = "target refresh",
    .summary = "look at the nodes of a target again, and say what has changed",
    .synopsis = "NAME [--wait SECONDS | --no-wait]",
    .details =
        "A job runs as `target add` once did, with all that the target remembers: partition,\n"
        "account, spelling of the GPU request. Drivers are updated; environments stay as they are.",
    .operands = CommandSpec::Operands::some,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(target_refresh_command));

}  // namespace hpcenv::cli
