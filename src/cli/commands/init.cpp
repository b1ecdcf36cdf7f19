// hpcenv init
#include <array>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/shell_words.hpp"
#include "cli/session.hpp"
#include "ops/shell_init.hpp"

namespace hpcenv::cli {
namespace {

using Change = shell::BlockEdit::Change;

constexpr std::array options{
    OptionSpec{"--dry-run", "", "show what would change and write nothing", OptionSpec::Kind::flag},
    OptionSpec{"--reverse", "", "take the lines out again", OptionSpec::Kind::flag},
};

constexpr std::array examples{
    "hpcenv init bash --dry-run",
    "hpcenv init bash",
    "hpcenv init tcsh",
    "hpcenv init bash --reverse",
};

const char* word_for(Change change) {
  constexpr std::array words{"none", "added", "replaced", "removed"};
  return words.at(static_cast<std::size_t>(change));
}

Result<ops::InitRequest> request_of(const Arguments& arguments) {
  if (arguments.operands().size() != 1) {
    return fail_hint(ErrorKind::usage, "name the shell whose start-up file is to be changed",
                     "hpcenv init bash --dry-run");
  }
  ops::InitRequest request;
  request.shell = arguments.operands()[0];
  HPCENV_ASSIGN(request.dialect, dialect_named(request.shell));
  if (arguments.has("reverse")) request.act = ops::InitRequest::Act::remove;
  request.program = own_path();
  if (request.program.empty()) {
    return fail_hint(ErrorKind::refused,
                     "this program is not known by a path: was it moved or replaced?",
                     "start it again by its path");
  }
  return request;
}

std::string what_happened(const ops::InitPlan& plan, ops::InitRequest::Act act) {
  const std::string file = plan.file.native();
  switch (plan.edit.change) {
    case Change::added:
      return fmt::format(
          "{} has {} new lines from line {} on: open a new shell, and type: hpcenv activate NAME\n",
          file, plan.edit.added.size(), plan.edit.line);
    case Change::replaced:
      return fmt::format("{}: the block of hpcenv at line {} was made anew\n", file,
                         plan.edit.line);
    case Change::removed:
      return plan.edit.text ? fmt::format("{} is as it was before hpcenv init\n", file)
                            : fmt::format("{} is gone, as before hpcenv init\n", file);
    case Change::none:
      break;
  }
  return act == ops::InitRequest::Act::add
             ? fmt::format("{} has it already, nothing was changed\n", file)
             : fmt::format("{} has nothing of hpcenv init, nothing was changed\n", file);
}

void print_plan(const ops::InitPlan& plan, const ops::InitRequest& request, bool dry,
                const Output& output) {
  if (output.json()) {
    base::Json body;
    body["shell"] = request.shell;
    body["file"] = plan.file.native();
    body["target"] = plan.target.native();
    body["change"] = word_for(plan.edit.change);
    body["dry_run"] = dry;
    body["line"] = plan.edit.line;
    body["removed"] = plan.edit.removed;
    body["added"] = plan.edit.added;
    output.print_json(body, true);
  } else if (dry && plan.edit.change != Change::none) {
    output.print(shell::diff_of(plan.edit, plan.file.native()));
  } else {
    output.print(what_happened(plan, request.act));
  }
}

/// A login shell of bash reads one of three other files.
void warn_of_login_shells(const ops::InitPlan& plan, Session& session) {
  const std::filesystem::path home = plan.file.parent_path();
  for (const char* name : {".bash_profile", ".bash_login", ".profile"}) {
    const auto text = base::read_file(home / name);
    if (!text) continue;
    if (text->find("bashrc") != std::string::npos) return;
    session.reporter().warning(fmt::format(
        "login shells read {}, which does not read .bashrc: put this line into it: . ~/.bashrc",
        (home / name).native()));
    return;
  }
  session.reporter().warning(fmt::format(
      "login shells do not read .bashrc by themselves: put this line into {}: . ~/.bashrc",
      (home / ".bash_profile").native()));
}

/// zsh learns from its first file where the others are, this process does not.
void warn_of_zdotdir(Session& session) {
  const std::filesystem::path first =
      std::filesystem::path(session.environment().get_or("HOME", "")) / ".zshenv";
  const auto text = base::read_file(first);
  if (session.environment().has("ZDOTDIR") || !text || text->find("ZDOTDIR") == std::string::npos)
    return;
  session.reporter().warning(fmt::format(
      "{} speaks of ZDOTDIR: if that names another folder, type: ZDOTDIR=$ZDOTDIR hpcenv init zsh",
      first.native()));
}

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(const ops::InitRequest request, request_of(arguments));
  HPCENV_ASSIGN(const ops::InitPlan plan, ops::plan_init(request, session.environment()));
  const bool dry = arguments.has("dry-run");
  if (!dry) HPCENV_TRY(ops::write_init(plan));
  print_plan(plan, request, dry, session.output());
  if (plan.edit.change == Change::added && request.dialect == shell::Dialect::bash) {
    warn_of_login_shells(plan, session);
  }
  if (request.dialect == shell::Dialect::zsh) warn_of_zdotdir(session);
  return 0;
}

}  // namespace

constexpr CommandSpec init_command{
    .name = "init",
    .summary = "put the hook into your shell's start-up file",
    .synopsis = "bash | zsh | fish | tcsh | csh | posix [--dry-run | --reverse]",
    .details =
        "Never done by itself, and needed by no job: it saves typing the line of `hpcenv "
        "shell-hook`.\n"
        "One marked block comes to the end of ~/.bashrc, ~/.zshrc ($ZDOTDIR), "
        "~/.config/fish/config.fish\n"
        "($XDG_CONFIG_HOME), ~/.tcshrc or ~/.cshrc, or ~/.profile for posix; all else in it stays "
        "byte by byte.\n"
        "It does nothing where this program is gone. A second time nothing changes; after hpcenv "
        "has moved\n"
        "the block is made anew. --reverse gives the file back as it was.",
    .operands = CommandSpec::Operands::some,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(init_command));

}  // namespace hpcenv::cli
