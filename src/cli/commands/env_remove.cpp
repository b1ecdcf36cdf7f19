// hpcenv env remove
#include <array>

#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "cli/ask.hpp"
#include "cli/commands/change_options.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/named_environment.hpp"
#include "cli/session.hpp"
#include "ops/locations.hpp"
#include "prefix/create.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"-n,--name", "NAME", "name of the environment"},
    OptionSpec{"-p,--prefix", "PREFIX", "or its path"},
    no_lock_option,
    OptionSpec{"--dry-run", "", "say what would be removed and stop", OptionSpec::Kind::flag},
    OptionSpec{"-y,--yes", "", "do not ask", OptionSpec::Kind::flag},
};

constexpr std::array examples{"hpcenv env remove -n work",
                              "hpcenv env remove -p /scratch/me/env -y"};

Result<> confirm(const Session& session, const std::string& prefix) {
  const Output& output = session.output();
  if (session.settings().flag("always_yes")) {
    return {};
  }
  if (!output.stdin_is_terminal() || output.json()) {
    return fail_hint(ErrorKind::usage, "removing an environment has to be confirmed", "pass -y");
  }
  const auto answer = ask(fmt::format("Remove {} with all that is in it? [y/N] ", prefix), output);
  HPCENV_TRY(base::check_interrupt());
  if (answer.has_value() && (*answer == "y" || *answer == "yes")) {
    return {};
  }
  return fail(ErrorKind::refused, "nothing was removed: not confirmed");
}

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  // The active environment is never meant by saying nothing.
  if (!arguments.has("name") && !arguments.has("prefix")) {
    return fail_hint(ErrorKind::usage, "no environment is named",
                     "give one of: -n NAME, -p PREFIX");
  }
  HPCENV_ASSIGN(const ops::EnvironmentRef environment, named_environment(arguments, locations));
  const std::string prefix = environment.prefix.string();
  if (environment.prefix == locations.active_prefix) {
    return fail_hint(ErrorKind::refused, fmt::format("{} is active in this shell", prefix),
                     "leave it first: hpcenv deactivate");
  }
  const Output& output = session.output();
  const bool dry_run = arguments.has("dry-run");
  if (!dry_run) {
    HPCENV_TRY(confirm(session, prefix));
    session.reporter().step("Removing " + prefix);
    HPCENV_TRY(prefix::remove_environment(environment.prefix,
                                          {.purpose = "hpcenv env remove",
                                           .wait = prefix::patient_wait,
                                           .missing = missing_lock(session)},
                                          session.reporter()));
    if (auto done = ops::unregister_environment(locations, environment.prefix); !done) {
      session.reporter().warning(done.error().message);
    }
    session.end_progress();
  }
  if (output.json()) {
    base::Json body;
    body["removed"] = prefix;
    body["dry_run"] = dry_run;
    output.print_json(body, true);
    return 0;
  }
  output.say(fmt::format("{} {}\n", dry_run ? "Would remove" : "Removed", prefix));
  return 0;
}

}  // namespace

constexpr CommandSpec env_remove_command{
    .name = "env remove",
    .summary = "remove an environment",
    .synopsis = "(-n NAME | -p PREFIX) [-y]",
    .details =
        "It is gone at once by a rename; then its files are deleted. Downloaded packages stay in "
        "the cache.",
    .operands = CommandSpec::Operands::none,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(env_remove_command));

}  // namespace hpcenv::cli
