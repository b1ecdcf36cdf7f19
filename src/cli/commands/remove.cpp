// hpcenv remove
#include <array>

#include "cli/commands/change_options.hpp"
#include "cli/commands/commands.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array own_options{
    OptionSpec{"--no-prune-deps", "", "keep what only the removed packages needed",
               OptionSpec::Kind::flag},
    OptionSpec{"--force,--force-remove", "", "remove just these, though others need them",
               OptionSpec::Kind::flag},
    OptionSpec{"-a,--all", "", "remove the environment with all that is in it",
               OptionSpec::Kind::flag},
};

constexpr auto options = joined(environment_options, own_options, existing_options, act_options);

constexpr std::array examples{
    "hpcenv remove -n work scipy",
    "hpcenv remove -n work 'cuda-*' --dry-run",
    "hpcenv remove -n work --all -y",
};

Result<> check_wishes(const Arguments& arguments) {
  if (arguments.operands().empty() == arguments.has("all")) {
    return {};
  }
  return fail_hint(
      ErrorKind::usage,
      arguments.has("all") ? "--all leaves nothing to name" : "no package is named that shall go",
      "give names, or --all to remove the environment");
}

/// The environment as a whole goes the way of `hpcenv env remove`, with the same options.
Result<int> remove_all(const Arguments& arguments, Session& session,
                       const ops::EnvironmentRef& environment) {
  Arguments words = arguments;
  words.add("prefix", {environment.prefix.string()});
  words.add("name", {});
  return env_remove_command.run(words, session);
}

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_TRY(check_wishes(arguments));
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  if (arguments.has("all")) {
    HPCENV_ASSIGN(const ops::EnvironmentRef environment,
                  environment_to_change(arguments, session, locations));
    return remove_all(arguments, session, environment);
  }
  HPCENV_ASSIGN(ops::ChangeRequest request,
                change_of_environment(ops::Action::remove, arguments, session, locations));
  if (arguments.has("force")) {
    request.dependents = ops::Dependents::stay;
  }
  if (arguments.has("no-prune-deps")) {
    request.orphans = ops::Orphans::keep;
  }
  return run_change(request, arguments, session, locations);
}

}  // namespace

constexpr CommandSpec remove_command{
    .name = "remove",
    .summary = "remove packages from an environment",
    .synopsis = "[-n NAME | -p PREFIX] (NAME... | --all)",
    .details =
        "Packages that need what is removed go too, and so does what only they needed and nobody "
        "asked for.\n"
        "Files that you made stay.",
    .operands = CommandSpec::Operands::some,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(remove_command));

}  // namespace hpcenv::cli
