// hpcenv shell
#include <algorithm>
#include <array>

#include "base/process.hpp"
#include "cli/commands/become.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/named_environment.hpp"
#include "cli/commands/shell_words.hpp"
#include "cli/session.hpp"
#include "ops/shell_init.hpp"
#include "ops/subshell.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"-n,--name", "NAME", "name of the environment"},
    OptionSpec{"-p,--prefix", "PREFIX", "or its path; without both: the active one"},
    OptionSpec{"-s,--shell", "SHELL", "name or path of the shell (default: $SHELL)"},
    OptionSpec{"--stack", "", "keep the programs of the active environment in reach",
               OptionSpec::Kind::flag},
};

constexpr std::array examples{
    "hpcenv shell work",
    "hpcenv shell -n work --shell zsh",
    "hpcenv shell -p /scratch/me/env --stack",
    "hpcenv shell -n work --shell bash < commands.sh",
};

// What micromamba's command of this name takes.
constexpr std::array<std::string_view, 5> words_of_micromamba = {"init", "hook", "activate",
                                                                 "deactivate", "reactivate"};

/// The environment that one word names, or -n, -p or the active one.
Result<ops::EnvironmentRef> environment_of(const Arguments& arguments,
                                           const ops::Locations& locations) {
  const std::vector<std::string>& words = arguments.operands();
  if (words.empty()) return named_environment(arguments, locations);
  if (std::ranges::find(words_of_micromamba, words[0]) != words_of_micromamba.end()) {
    return fail_hint(
        ErrorKind::usage,
        fmt::format("hpcenv shell starts a shell, '{}' is no environment", words[0]),
        "type instead: eval \"$(hpcenv shell-hook bash)\", then: hpcenv activate NAME");
  }
  if (arguments.has("name") || arguments.has("prefix")) {
    return fail_hint(ErrorKind::usage, "the environment is named twice",
                     "give one of: NAME, -n NAME, -p PREFIX");
  }
  if (words.size() > 1) {
    return fail_hint(ErrorKind::usage, "one environment is entered, and nothing is run in it",
                     "start programs with: hpcenv run -n NAME PROGRAM");
  }
  const bool path = words[0].find('/') != std::string::npos;
  return ops::existing_environment(locations, path ? "" : words[0], path ? words[0] : "");
}

/// The user's, or what was asked for; bash where nothing says.
std::string wished_shell(const Arguments& arguments, const Session& session) {
  std::string asked = arguments.value("shell", session.environment().get_or("SHELL", ""));
  if (!asked.empty()) return asked;
  return base::find_program("bash", session.environment()) ? "bash" : "sh";
}

Result<ops::SubshellRequest> request_of(const Arguments& arguments, const Session& session,
                                        const ops::Locations& locations) {
  ops::SubshellRequest request;
  const std::string shell = wished_shell(arguments, session);
  auto dialect = dialect_named(shell.substr(shell.rfind('/') + 1));
  if (!dialect) {
    return Failure(
        with_hint(std::move(dialect).error(), "or choose one: hpcenv shell -n NAME --shell bash"));
  }
  request.wish = {*dialect,
                  arguments.has("stack") ? shell::Stacking::stack : shell::Stacking::replace,
                  prompt_format(session)};
  const auto found = base::find_program(shell == "posix" ? "sh" : shell, session.environment());
  if (!found) {
    return fail_hint(ErrorKind::not_found, fmt::format("there is no shell {} here", shell),
                     "choose one that is there: hpcenv shell -n NAME --shell bash");
  }
  HPCENV_ASSIGN(request.environment, environment_of(arguments, locations));
  request.shell = *found;
  request.program = own_path();
  request.input =
      session.output().stdin_is_terminal() ? shell::Input::terminal : shell::Input::stream;
  if (arguments.has("root-prefix")) {
    request.settings = {"--root-prefix", locations.root.string()};
  }
  if (arguments.has("no-rc")) request.settings.emplace_back("--no-rc");
  return request;
}

void say_how_to_leave(const ops::SubshellRequest& request, const Arguments& arguments,
                      const Session& session) {
  const Output& output = session.output();
  const bool terminal = request.input == shell::Input::terminal && output.stderr_is_terminal();
  if (!terminal || arguments.has("quiet")) return;
  output.say(fmt::format("This is a {} in the environment {}; leave it with: exit\n",
                         request.shell.filename().string(), request.environment.name));
  const shell::Dialect dialect = request.wish.dialect;
  if (shell::is_csh(dialect) && !ops::has_init(dialect, session.environment())) {
    output.say(
        fmt::format("Where your start-up files set path, they hide it; not after: hpcenv init {}\n",
                    dialect == shell::Dialect::tcsh ? "tcsh" : "csh"));
  }
}

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  HPCENV_ASSIGN(const ops::SubshellRequest request, request_of(arguments, session, locations));
  HPCENV_ASSIGN(
      const ops::PreparedSubshell prepared,
      ops::prepare_subshell(locations, request, session.environment(), session.local_seams()));
  say_how_to_leave(request, arguments, session);
  const Error error = ops::become(prepared);
  return failed_start(error, session);
}

}  // namespace

constexpr CommandSpec shell_command{
    .name = "shell",
    .summary = "start your own shell inside an environment",
    .synopsis = "[NAME | PATH] [--shell SHELL]",
    .details =
        "The shell takes the place of hpcenv: Ctrl-C and signals reach it, its exit code is the "
        "exit code.\n"
        "It reads your own start-up files as ever, and enters the environment after them; none of "
        "them is\n"
        "changed. In there `hpcenv activate` and `deactivate` work; `exit` leaves it. Where stdin "
        "is no\n"
        "terminal the shell reads its commands from there. tcsh and csh cannot be told to do a "
        "thing after\n"
        "their files: on a terminal they enter before, and again where `hpcenv init` put a block "
        "into "
        "them.\n"
        "Where a start-up file replaces the shell (exec zsh), name that one: --shell zsh.\n"
        "Failures of hpcenv itself leave with 125, a shell that cannot be executed with 126.",
    .operands = CommandSpec::Operands::some,
    .options = options,
    .examples = examples,
    .run = run,
    .failure_code = cannot_run,
};
static_assert(well_formed(shell_command));

}  // namespace hpcenv::cli
