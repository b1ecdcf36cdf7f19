// How a running shell enters, leaves and re-enters an environment, as conda and mamba do it: their
// variables are kept, so their own commands go on working in that shell (facts/conda.md 4.8). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "shell/effect.hpp"
#include "shell/recorded.hpp"

namespace hpcenv::shell {

/// One step of the shell.
struct Statement {
  enum class Kind {
    set,       ///< `name` = `value`, exported or not as it was (the prompt)
    exported,  ///< `name` = `value`
    unset,     ///< `name`
    restore,   ///< if `name` still is `ours` (nothing: unset), it becomes `value` (nothing: unset)
    source,    ///< the script `name`
  };
  Kind kind = Kind::exported;
  std::string name;
  std::optional<std::string> value;
  std::optional<std::string> ours;
  bool operator==(const Statement&) const = default;
};

/// What the disk says of one environment.
struct EnvironmentFacts {
  std::string prefix;
  std::string name;  ///< as CONDA_DEFAULT_ENV says it: the name, or the path
  /// Of state and env_vars.d; nothing: unset on entry.
  std::vector<std::pair<std::string, std::optional<std::string>>> variables;
  /// Sourced for what only a shell has of them, before what is recorded is set.
  std::vector<std::string> interactive_scripts;
  std::vector<Rule> rules;                      ///< recorded; their guards hold
  Changes changes;                              ///< that scripts made for which the shell is none
  std::vector<std::string> activate_scripts;    ///< sourced, in order
  std::vector<std::string> deactivate_scripts;  ///< in the order in which they are to run
};

/// What stands before the prompt: {default_env}, {name} (of the path) and {prefix} are replaced.
/// Nothing: the prompt is left alone.
using PromptFormat = std::optional<std::string>;

/// The prefix that the variables call active; empty where none is.
std::string active_prefix(const base::Environment& now);
/// The prefix that leaving would return to; empty where there is none, or it was never left.
std::string prefix_below(const base::Environment& now);

/// `active` are the facts of `active_prefix(now)`, where that is not empty. Entering what is active
/// already re-enters it: its programs come first again.
enum class Stacking { replace, stack };
std::vector<Statement> enter(const EnvironmentFacts& wanted, const EnvironmentFacts& active,
                             const base::Environment& now, Stacking stacking,
                             const PromptFormat& prompt);
/// `below` are the facts of `prefix_below(now)`. Nothing active: no statements.
std::vector<Statement> leave(const EnvironmentFacts& active, const EnvironmentFacts& below,
                             const base::Environment& now, const PromptFormat& prompt);

/// The variables after the statements, without what scripts do.
base::Environment after_statements(const std::vector<Statement>& statements,
                                   const base::Environment& now);

enum class Dialect { bash, zsh, posix, fish, tcsh, csh };
/// bash, zsh, fish, tcsh, csh, and for sh, dash, ash, ksh: posix.
std::optional<Dialect> dialect_of(std::string_view shell);
/// How the scripts in activate.d end that are written for it: ".sh", ".fish", ".csh".
std::string_view script_ending(Dialect dialect);

/// Of the program that a hook starts: where lines for the shell are to be written, "tcsh:FILE". Not
/// for the programs that it starts.
inline constexpr const char* shell_lines = "HPCENV_SHELL_LINES";

/// Lines to be evaluated in that shell; in csh and tcsh to be sourced from a file. They survive
/// `set -euo pipefail`; options are as before after them; what scripts print goes to stderr. A name
/// that no shell can set is left out. In fish the prompt is the hook's. Kind refused where csh
/// cannot hold a value.
Result<std::string> render(const std::vector<Statement>& statements, Dialect dialect);

/// What is evaluated once in a shell, so that `hpcenv activate` and `deactivate` work in it:
/// `program` is the path of hpcenv; empty: the one in PATH. csh and tcsh have no functions: there
/// it is the text of a file, and `alias_csh` is evaluated once.
std::string hook(std::string_view program, Dialect dialect);
bool is_csh(Dialect dialect);
/// One line: the alias that sources `file`. In tcsh its commands can be piped into others, csh
/// knows no such thing.
std::string alias_csh(std::string_view file, Dialect dialect);

}  // namespace hpcenv::shell
