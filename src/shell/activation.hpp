// What makes a prefix active, as a value (design.md decision 8). Pure: what the disk knows comes in
// as DiskLook.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/environment.hpp"
#include "shell/recorded.hpp"

namespace hpcenv::shell {

struct Operation {
  enum class Kind {
    undo_effects,       ///< what `hpcenv activate` made in the shell that this starts from
    set,                ///< `name` = `value`
    unset,              ///< `name`
    prepend,            ///< `value` in front of the list `name`, once
    unset_prefix,       ///< every name that starts with `name`, but not with `value` (if any)
    unset_functions,    ///< the shell functions that a conda leaves behind, exported or not
    drop_environments,  ///< from the list `name`: bin directories of other environments
    drop_shadowing,     ///< from the list `name`: what the loader would take before `value`
  };
  Kind kind = Kind::set;
  std::string name;
  std::string value;
};

struct Activation {
  std::string prefix;
  std::string environment_name;       ///< CONDA_DEFAULT_ENV: the name, or the path
  std::vector<Operation> operations;  ///< in order, before what scripts do
  Recorded recorded;                  ///< where a guard is broken its scripts are sourced instead
  /// Absolute paths of the activate.d/*.sh that are not recorded, bytewise order: sourced in bash,
  /// after what is recorded.
  std::vector<std::string> live_scripts;
  std::vector<Operation> last_operations;  ///< after all scripts: the user's own words
};

struct ActivationInput {
  std::string prefix;
  std::string environment_name;
  std::vector<std::pair<std::string, std::optional<std::string>>>
      variables;  ///< state and env_vars.d; nullopt = unset; PATH among them is reserved: left out
  Recorded recorded;
  std::vector<std::string> live_scripts;
};

/// From a clean state, as a job or `run` enters (facts/conda.md 4.8): what other environments left
/// is unset (CONDA_OVERRIDE_* are the user's words and stay), PATH loses their bin directories,
/// LD_LIBRARY_PATH and LD_PRELOAD what shadows libraries of the prefix; then PATH, CONDA_PREFIX,
/// CONDA_SHLVL=1, CONDA_DEFAULT_ENV, PYTHONNOUSERSITE=1 and the environment's own variables.
Activation activation_of(const ActivationInput& input);

/// What apply() asks the disk. An empty function answers no.
struct DiskLook {
  std::function<bool(const std::string& directory)> is_environment;  ///< has conda-meta/history
  /// `directory` holds a shared library of a name that `libraries` holds too.
  std::function<bool(const std::string& directory, const std::string& libraries)> shadows;
  std::function<bool(const std::string& path)> exists;
};
/// The real one: lists directories; one that cannot be read answers no.
DiskLook look_at_disk();

/// The same with nothing recorded: all its scripts are live, in their order.
Activation without_record(const Activation& activation);

/// The variables as the first script finds them: after `operations`. Pure but for `look`.
base::Environment apply_start(const Activation& activation, const base::Environment& before,
                              const DiskLook& look = {});
/// The variables after everything but the live scripts; guards are the caller's to ask about.
base::Environment apply(const Activation& activation, const base::Environment& before,
                        const DiskLook& look = {});

/// A word for sh, bash, zsh: `'...'`, quoted only where needed. Bytes of any kind but NUL.
std::string quote_posix(std::string_view word);
/// The same for fish, and for csh and tcsh (with backslash_quote set or not).
std::string quote_fish(std::string_view word);
std::string quote_csh(std::string_view word);
/// Letters, digits and `_`, not first a digit: what a shell can name a variable.
bool is_variable_name(std::string_view name);

/// Lines of bash that activate, with their own comments, each line ending in a newline. They start
/// no process; survive `set -euo pipefail`, and give the options, IFS and directory back as they
/// were; what live scripts print goes to stderr, one that calls `exit` ends the shell with 125 and
/// a sentence. Shellcheck clean but for SC1003 and SC2016 (words in single quotes
/// are meant as they stand). A variable that a shell cannot name is left out, in a comment.
std::string render_bash(const Activation& activation);

}  // namespace hpcenv::shell
