// CONTRACT. What makes a prefix active, as a value (design.md decision 8). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/environment.hpp"

namespace hpcenv::shell {

struct Operation {
  enum class Kind { set, unset, prepend };
  Kind kind = Kind::set;
  std::string name;
  std::string value;
};

struct Activation {
  std::string prefix;
  std::string environment_name;       ///< CONDA_DEFAULT_ENV: the name, or the path
  std::vector<Operation> operations;  ///< in order
  std::vector<std::string>
      live_scripts;  ///< absolute paths of activate.d/*.sh, bytewise order: sourced in bash
};

struct ActivationInput {
  std::string prefix;
  std::string environment_name;
  std::vector<std::pair<std::string, std::optional<std::string>>>
      variables;  ///< state and env_vars.d; nullopt = unset
  std::vector<std::string> live_scripts;
};

/// From a clean state, as a job or `run` enters (facts/conda.md 4.8): CONDA_*, __CONDA_*,
/// PYTHONHOME, PYTHONPATH unset, PYTHONNOUSERSITE=1, PATH, CONDA_PREFIX, CONDA_SHLVL=1,
/// CONDA_DEFAULT_ENV.
Activation activation_of(const ActivationInput& input);

/// The variables after the operations (without the live scripts).
base::Environment apply(const Activation& activation, const base::Environment& before);

/// A word for sh, bash, zsh: `'...'`, quoted only where needed.
std::string quote_posix(std::string_view word);

/// Lines of POSIX sh / bash that activate; survives `set -euo pipefail`; live scripts are sourced
/// only by bash.
std::string render_bash(const Activation& activation);

}  // namespace hpcenv::shell
