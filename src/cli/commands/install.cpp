// hpcenv install
#include <array>

#include "cli/commands/change_options.hpp"
#include "cli/commands/commands.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array own_options{
    OptionSpec{"--freeze-installed,--no-update-deps", "", "change nothing that is installed",
               OptionSpec::Kind::flag},
    OptionSpec{"--force-reinstall", "", "link the packages named again, also where they are there",
               OptionSpec::Kind::flag},
};

constexpr auto options =
    joined(environment_options, wish_options, choice_options, python_pin_options, own_options,
           link_options, existing_options, act_options);

constexpr std::array examples{
    "hpcenv install -n work scipy 'numpy>=2'",
    "hpcenv install -n work -f environment.yml --dry-run",
    "hpcenv install -n work --freeze-installed matplotlib",
    "hpcenv install -p /scratch/me/env      (completes a change that was cut off)",
};

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  HPCENV_ASSIGN(ops::ChangeRequest request,
                change_of_environment(ops::Action::install, arguments, session, locations));
  if (arguments.has("force-reinstall")) {
    request.reinstall = ops::ChangeRequest::Reinstall::yes;
  }
  return run_change(request, arguments, session, locations);
}

}  // namespace

constexpr CommandSpec install_command{
    .name = "install",
    .summary = "install packages into an environment",
    .synopsis = "[-n NAME | -p PREFIX] [-c CHANNEL]... [-f FILE]... [SPEC...]",
    .details =
        "What is installed stays as it is where it can, and earlier wishes hold. A spec that an\n"
        "installed package meets changes nothing; to get the newest, use `hpcenv update`.\n"
        "Without a spec, a change that was cut off is completed.",
    .operands = CommandSpec::Operands::some,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(install_command));

}  // namespace hpcenv::cli
