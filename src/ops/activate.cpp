#include "ops/activate.hpp"

#include "base/fs.hpp"
#include "base/process.hpp"
#include "prefix/readers.hpp"
#include "prefix/state.hpp"

namespace hpcenv::ops {
namespace {

/// bash's own words for a program that is not there name a line of this script.
constexpr std::string_view start_program = R"(
case $1 in
*/*) ;;
*)
  if ! type -P -- "$1" >/dev/null; then
    printf 'error: %s: no such program in PATH\n' "$1" >&2
    exit 127
  fi
  ;;
esac
exec "$@"
)";

std::vector<std::string> activate_scripts(const std::filesystem::path& prefix) {
  const std::filesystem::path directory = prefix / "etc" / "conda" / "activate.d";
  std::vector<std::string> scripts;
  if (auto names = base::list_directory(directory)) {
    for (const std::string& name : *names) {
      if (name.ends_with(".sh")) {
        scripts.push_back((directory / name).string());
      }
    }
  }
  return scripts;
}

}  // namespace

Result<shell::Activation> activation_for(const EnvironmentRef& environment,
                                         base::Reporter& reporter) {
  HPCENV_TRY(prefix::require_usable(environment.prefix, {}, reporter));
  shell::ActivationInput input;
  input.prefix = environment.prefix.string();
  input.environment_name = environment.name;
  HPCENV_ASSIGN(const std::vector<prefix::StateVariable> variables,
                prefix::state_variables(environment.prefix));
  for (const prefix::StateVariable& variable : variables) {
    input.variables.emplace_back(variable.name, variable.value);
  }
  input.live_scripts = activate_scripts(environment.prefix);
  return shell::activation_of(input);
}

Started start_in(const shell::Activation& activation, const std::vector<std::string>& command,
                 const base::Environment& environment, std::string& warning) {
  const auto bash =
      activation.live_scripts.empty() ? std::nullopt : base::find_program("bash", environment);
  if (!bash) {
    if (!activation.live_scripts.empty()) {
      warning = "no bash on this machine: the activation scripts of the environment were not run";
    }
    return {command, shell::apply(activation, environment, shell::look_at_disk())};
  }
  std::vector<std::string> argv{bash->string(),
                                "--noprofile",
                                "--norc",
                                "-c",
                                shell::render_bash(activation) + std::string(start_program),
                                "hpcenv-run"};
  argv.insert(argv.end(), command.begin(), command.end());
  return {std::move(argv), environment};
}

Error run_in(const shell::Activation& activation, const std::vector<std::string>& command,
             const base::Environment& environment, std::string& warning) {
  const Started started = start_in(activation, command, environment, warning);
  return base::exec_program(started.argv, started.environment);
}

}  // namespace hpcenv::ops
