#include "ops/activate.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/fs.hpp"
#include "base/process.hpp"
#include "ops/known_scripts.hpp"
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

std::vector<std::string> of_classes(const ActivationRecord& record, ScriptClass kind) {
  std::vector<std::string> scripts;
  for (const ScriptVerdict& verdict : record.scripts) {
    if (verdict.kind == kind) scripts.push_back(verdict.path);
  }
  return scripts;
}

Result<shell::ActivationInput> declared(const EnvironmentRef& environment,
                                        const Locations& locations) {
  shell::ActivationInput input;
  input.prefix = environment.prefix.string();
  // As conda has it: the name of one in the folders, however it was asked for.
  input.environment_name = name_of(locations, environment.prefix);
  if (input.environment_name.empty()) input.environment_name = input.prefix;
  HPCENV_ASSIGN(const std::vector<prefix::StateVariable> variables,
                prefix::state_variables(environment.prefix));
  for (const prefix::StateVariable& variable : variables) {
    input.variables.emplace_back(variable.name, variable.value);
  }
  return input;
}

Started in_bash(const std::filesystem::path& bash, const shell::Activation& activation,
                const std::vector<std::string>& command, const base::Environment& environment) {
  Started started{{bash.string(), "--noprofile", "--norc", "-c",
                   shell::render_bash(activation) + std::string(start_program), "hpcenv-run"},
                  environment,
                  {}};
  started.argv.insert(started.argv.end(), command.begin(), command.end());
  return started;
}

}  // namespace

void use_record(const ActivationRecord& record, ForNode node, shell::Activation& activation) {
  activation.recorded = record.recorded;
  activation.live_scripts = of_classes(record, ScriptClass::live);
  // Lines that go to other nodes cannot hold what was found on this one.
  const bool of_this_node = !record.key.node.empty();
  if (of_this_node && node == ForNode::any) activation = shell::without_record(activation);
}

Result<KnownActivation> known_activation(const EnvironmentRef& environment, ForNode node,
                                         const Locations& locations, const LocalSeams& seams) {
  HPCENV_TRY(prefix::require_usable(environment.prefix, {}, seams.reporter));
  HPCENV_ASSIGN(shell::ActivationInput input, declared(environment, locations));
  KnownActivation known;
  const std::vector<std::string> scripts = activate_scripts(environment.prefix);
  known.activation = shell::activation_of(input);
  if (scripts.empty()) return known;
  HPCENV_ASSIGN(known.record, known_scripts(known.activation, scripts, locations, seams));
  if (known.record) {
    use_record(*known.record, node, known.activation);
  } else {
    known.activation.live_scripts = scripts;
  }
  return known;
}

Result<shell::Activation> activation_for(const EnvironmentRef& environment, ForNode node,
                                         const Locations& locations, const LocalSeams& seams) {
  HPCENV_ASSIGN(KnownActivation known, known_activation(environment, node, locations, seams));
  return std::move(known.activation);
}

std::optional<ActivationRecord> record_of(const EnvironmentRef& environment,
                                          const Locations& locations,
                                          const host::HostReader& reader) {
  const auto input = declared(environment, locations);
  if (!input) return std::nullopt;
  return scripts_on_record(shell::activation_of(*input), activate_scripts(environment.prefix),
                           locations, reader);
}

Result<> record_after_change(const std::filesystem::path& prefix, const Locations& locations,
                             const LocalSeams& seams) {
  if (activate_scripts(prefix).empty()) return {};
  const auto known = known_activation({prefix, ""}, ForNode::this_one, locations, seams);
  if (known) return {};
  const Error& error = known.error();
  if (error.kind == ErrorKind::interrupted || error.kind == ErrorKind::terminated) {
    return Failure(error);
  }
  seams.reporter.warning("what activation scripts do is not recorded yet: " + error.message);
  return {};
}

Started start_in(const shell::Activation& activation, const std::vector<std::string>& command,
                 const base::Environment& environment) {
  const shell::DiskLook look = shell::look_at_disk();
  const base::Environment found = shell::apply_start(activation, environment, look);
  const bool as_recorded = shell::broken_guards(activation.recorded, found).empty();
  const bool needs_bash = !activation.live_scripts.empty() || !as_recorded;
  const auto bash = needs_bash ? base::find_program("bash", environment) : std::nullopt;
  if (bash) return in_bash(*bash, activation, command, environment);
  const shell::Activation used = as_recorded ? activation : shell::without_record(activation);
  Started started{command, shell::apply(used, environment, look), {}};
  if (needs_bash) {
    started.warnings.emplace_back(
        "no bash on this machine: activation scripts of the environment that are not recorded "
        "were not run");
  }
  for (const std::string& name : shell::overridden_choices(used.recorded.rules, found)) {
    started.warnings.push_back(fmt::format("the environment sets {} to {}, in place of {}", name,
                                           started.environment.get_or(name, "nothing"),
                                           found.get_or(name, "")));
  }
  return started;
}

}  // namespace hpcenv::ops
