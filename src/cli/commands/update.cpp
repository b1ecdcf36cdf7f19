// hpcenv update
#include <array>

#include "cli/commands/change_options.hpp"
#include "cli/commands/commands.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array own_options{
    OptionSpec{"-a,--all", "", "everything, as far as earlier wishes allow",
               OptionSpec::Kind::flag},
};

constexpr auto options = joined(environment_options, own_options, wish_options, choice_options,
                                python_pin_options, link_options, existing_options, act_options);

constexpr std::array examples{
    "hpcenv update -n work numpy",
    "hpcenv update -n work --all --dry-run",
    "hpcenv update -n work python=3.13",
    "hpcenv update -n work -f environment.yml",
};

Result<> check_wishes(const Arguments& arguments) {
  const bool has_wish = !arguments.operands().empty() || arguments.has("file");
  if (has_wish != arguments.has("all")) {
    return {};
  }
  return fail_hint(
      ErrorKind::usage,
      has_wish ? "--all leaves nothing to name" : "nothing is named that shall be newer",
      "give names, or --all for everything");
}

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_TRY(check_wishes(arguments));
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  HPCENV_ASSIGN(ops::ChangeRequest request,
                change_of_environment(ops::Action::update, arguments, session, locations));
  if (arguments.has("all")) {
    request.scope = ops::ChangeRequest::Scope::all;
  }
  return run_change(request, arguments, session, locations);
}

}  // namespace

constexpr CommandSpec update_command{
    .name = "update",
    .summary = "make installed packages newer",
    .synopsis = "[-n NAME | -p PREFIX] [-c CHANNEL]... (SPEC... | -f FILE | --all)",
    .details =
        "A name gets the newest that earlier wishes, pins and the other packages allow; where that "
        "is\n"
        "not the newest there is, the plan says why. A spec with a version replaces an earlier "
        "wish.\n"
        "Python keeps its minor version unless it is named.",
    .operands = CommandSpec::Operands::some,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(update_command));

}  // namespace hpcenv::cli
