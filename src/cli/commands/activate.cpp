// hpcenv activate, deactivate, shell-hook
#include <array>
#include <filesystem>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/shell_words.hpp"
#include "cli/session.hpp"
#include "ops/locations.hpp"
#include "ops/shell_activation.hpp"
#include "ops/subshell.hpp"
#include "shell/activation.hpp"

namespace hpcenv::cli {
namespace {

constexpr OptionSpec shell_option{
    "-s,--shell", "SHELL",
    "print the lines for bash, zsh, fish, tcsh, csh or posix (the hook says this)"};

constexpr std::array activate_options{
    OptionSpec{"-n,--name", "NAME", "name of the environment"},
    OptionSpec{"-p,--prefix", "PREFIX", "or its path"},
    OptionSpec{"--stack", "", "keep the programs of the active environment in reach",
               OptionSpec::Kind::flag},
    shell_option,
};
constexpr std::array shell_options{shell_option};

constexpr std::array activate_examples{
    "eval \"$(hpcenv shell-hook bash)\"",
    "hpcenv activate work",
    "hpcenv activate /scratch/me/env",
    "hpcenv activate --stack tools",
};
constexpr std::array deactivate_examples{"hpcenv deactivate"};
constexpr std::array hook_examples{
    "eval \"$(hpcenv shell-hook bash)\"",
    "eval \"$(hpcenv shell-hook zsh)\"",
    "hpcenv shell-hook fish | source",
    "eval \"`hpcenv shell-hook tcsh`\"",
    "echo 'eval \"$(hpcenv shell-hook bash)\"' >> ~/.bashrc",
};

std::string hook_line(const std::string& shell) {
  if (shell == "fish") return "hpcenv shell-hook fish | source";
  const bool is_csh = shell == "tcsh" || shell == "csh";
  return is_csh ? fmt::format("eval \"`hpcenv shell-hook {}`\"", shell)
                : fmt::format("eval \"$(hpcenv shell-hook {})\"", shell);
}

Error not_hooked(const Session& session, const std::string& command) {
  return Error{ErrorKind::usage,
               fmt::format("this shell does not know `hpcenv {}` yet", command),
               {},
               {fmt::format("type: {}  and then the same again", hook_line(login_shell(session))),
                "without it: hpcenv run -n NAME PROGRAM"}};
}

Result<ops::ShellWish> wish_of(const Arguments& arguments, const Session& session,
                               const std::string& command) {
  const std::string& hook = session.shell_lines();
  const std::string shell = arguments.value("shell", hook.substr(0, hook.find(':')));
  if (shell.empty()) {
    return Failure(not_hooked(session, command));
  }
  ops::ShellWish wish;
  HPCENV_ASSIGN(wish.dialect, dialect_named(shell));
  if (arguments.has("stack")) {
    wish.stacking = shell::Stacking::stack;
  }
  wish.prompt = prompt_format(session);
  return wish;
}

void print_lines(const std::string& lines, const Output& output) {
  if (output.json()) {
    base::Json body;
    body["lines"] = lines;
    output.print_json(body, true);
  } else {
    output.print(lines);
  }
}

/// To stdout, or into the file that the hook is going to source.
Result<int> hand_over(const std::string& lines, const Arguments& arguments,
                      const Session& session) {
  const std::string& hook = session.shell_lines();
  const std::size_t colon = hook.find(':');
  const bool to_file = colon != std::string::npos && !arguments.has("shell");
  if (to_file && !session.output().json()) {
    constexpr mode_t private_mode = 0600;
    HPCENV_TRY(base::write_file(hook.substr(colon + 1), lines, private_mode));
  } else {
    print_lines(lines, session.output());
  }
  return 0;
}

Result<int> run_activate(const Arguments& arguments, Session& session) {
  std::string name = arguments.value("name");
  std::string prefix = arguments.value("prefix");
  if (arguments.operands().size() > 1) {
    return fail(ErrorKind::usage, "one environment is activated at a time, not {}",
                arguments.operands().size());
  }
  if (!arguments.operands().empty()) {
    const std::string& word = arguments.operands()[0];
    (word.find('/') == std::string::npos ? name : prefix) = word;
  }
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  HPCENV_ASSIGN(const ops::EnvironmentRef environment,
                ops::existing_environment(locations, name, prefix));
  HPCENV_ASSIGN(const ops::ShellWish wish, wish_of(arguments, session, "activate"));
  HPCENV_ASSIGN(
      const std::string lines,
      ops::enter_lines(locations, environment, session.environment(), wish, session.local_seams()));
  return hand_over(lines, arguments, session);
}

Result<int> run_deactivate(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  HPCENV_ASSIGN(const ops::ShellWish wish, wish_of(arguments, session, "deactivate"));
  HPCENV_ASSIGN(const std::string lines,
                ops::leave_lines(locations, session.environment(), wish, session.local_seams()));
  return hand_over(lines, arguments, session);
}

/// In a csh: the alias, and in one that `hpcenv shell` started the way back into its environment.
Result<std::string> csh_hook_line(const std::string& name, shell::Dialect dialect,
                                  Session& session) {
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  const std::filesystem::path file = locations.state / ("hook." + name);
  HPCENV_TRY(base::make_directories(file.parent_path()));
  HPCENV_TRY(base::write_file(file, shell::hook(own_path().string(), dialect)));
  std::string line = shell::alias_csh(file.string(), dialect);
  const std::string prefix = session.environment().get_or(shell::subshell_prefix, "");
  if (prefix.empty() || session.output().json()) return line;
  HPCENV_ASSIGN(const ops::EnvironmentRef environment,
                ops::existing_environment(locations, "", prefix));
  const ops::ShellWish wish{dialect, shell::Stacking::replace, prompt_format(session)};
  HPCENV_ASSIGN(const std::filesystem::path enter,
                ops::file_to_enter_again(locations, environment, session.environment(), wish,
                                         session.local_seams()));
  line.pop_back();
  return line + " ; source " + shell::quote_csh(enter.string()) + "\n";
}

Result<int> run_hook(const Arguments& arguments, Session& session) {
  std::string name = arguments.value("shell", login_shell(session));
  if (!arguments.operands().empty()) {
    name = arguments.operands()[0];
  }
  HPCENV_ASSIGN(const shell::Dialect dialect, dialect_named(name));
  std::string lines;
  if (shell::is_csh(dialect)) {
    HPCENV_ASSIGN(lines, csh_hook_line(name, dialect, session));
  } else {
    lines = shell::hook(own_path().string(), dialect);
  }
  print_lines(lines, session.output());
  return 0;
}

}  // namespace

constexpr CommandSpec activate_command{
    .name = "activate",
    .summary = "enter an environment in this shell",
    .synopsis = "[NAME | PATH] [--stack]",
    .details =
        "Works in a shell in which the line of `hpcenv shell-hook` was evaluated. Without a name: "
        "enters\n"
        "the active environment again, so that its programs come first. Jobs and scripts need "
        "none of\n"
        "this: hpcenv run.",
    .operands = CommandSpec::Operands::some,
    .options = activate_options,
    .examples = activate_examples,
    .run = run_activate,
};
static_assert(well_formed(activate_command));

constexpr CommandSpec deactivate_command{
    .name = "deactivate",
    .summary = "leave the active environment of this shell",
    .synopsis = "",
    .details =
        "Returns to the one that was active before it, if there was one. Variables that the "
        "environment\n"
        "set become what they were, unless they were changed since.",
    .operands = CommandSpec::Operands::none,
    .options = shell_options,
    .examples = deactivate_examples,
    .run = run_deactivate,
};
static_assert(well_formed(deactivate_command));

constexpr CommandSpec shell_hook_command{
    .name = "shell-hook",
    .summary = "print what makes activate and deactivate work in a shell",
    .synopsis = "[bash | zsh | fish | tcsh | csh | posix]",
    .details =
        "It defines a function hpcenv, which hands everything but activate and deactivate on to "
        "the\n"
        "program. No file of yours is changed: put the line into ~/.bashrc, ~/.zshrc or "
        "~/.config/fish/config.fish\n"
        "yourself, to have it in every shell. csh has no functions: there it is an alias, for a "
        "file in\n"
        "~/.local/state/hpcenv that this writes. Without an operand: for the login shell.",
    .operands = CommandSpec::Operands::some,
    .options = shell_options,
    .examples = hook_examples,
    .run = run_hook,
};
static_assert(well_formed(shell_hook_command));

}  // namespace hpcenv::cli
