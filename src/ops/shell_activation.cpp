#include "ops/shell_activation.hpp"

#include <algorithm>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "prefix/readers.hpp"
#include "prefix/state.hpp"

namespace hpcenv::ops {
namespace {

std::vector<std::string> scripts_in(const std::string& prefix, const char* folder,
                                    std::string_view ending) {
  const std::filesystem::path directory = std::filesystem::path(prefix) / "etc" / "conda" / folder;
  std::vector<std::string> scripts;
  const auto names = base::list_directory(directory);
  for (const std::string& name : names ? *names : std::vector<std::string>{}) {
    if (name.ends_with(ending)) {
      scripts.push_back((directory / name).string());
    }
  }
  return scripts;
}

Result<shell::EnvironmentFacts> facts_of(const Locations& locations, const std::string& prefix,
                                         shell::Dialect dialect) {
  const std::string_view ending = shell::script_ending(dialect);
  shell::EnvironmentFacts facts;
  facts.prefix = prefix;
  facts.name = name_of(locations, prefix);
  if (facts.name.empty()) {
    facts.name = prefix;
  }
  facts.activate_scripts = scripts_in(prefix, "activate.d", ending);
  facts.deactivate_scripts = scripts_in(prefix, "deactivate.d", ending);
  std::ranges::reverse(facts.deactivate_scripts);
  HPCENV_ASSIGN(const std::vector<prefix::StateVariable> variables,
                prefix::state_variables(prefix));
  for (const prefix::StateVariable& variable : variables) {
    facts.variables.emplace_back(variable.name, variable.value);
  }
  return facts;
}

/// Scripts that are there for sh and not for this shell, by their names.
std::vector<std::string> only_for_sh(const std::string& prefix, shell::Dialect dialect) {
  const std::string_view ending = shell::script_ending(dialect);
  constexpr std::string_view sh = ".sh";
  std::vector<std::string> names;
  if (ending == sh) return names;
  for (const std::string& script : scripts_in(prefix, "activate.d", sh)) {
    const std::string stem = script.substr(0, script.size() - sh.size());
    if (!base::path_exists(stem + std::string(ending))) {
      names.push_back(script.substr(script.rfind('/') + 1));
    }
  }
  return names;
}

// Of one that is left: what cannot be read of it does not keep anybody in.
shell::EnvironmentFacts facts_if_any(const Locations& locations, const std::string& prefix,
                                     shell::Dialect dialect) {
  shell::EnvironmentFacts facts;
  facts.prefix = prefix;
  facts.name = prefix;
  if (prefix.empty()) {
    return facts;
  }
  const auto read = facts_of(locations, prefix, dialect);
  return read ? *read : facts;
}

}  // namespace

Result<std::string> enter_lines(const Locations& locations, const EnvironmentRef& environment,
                                const base::Environment& now, const ShellWish& wish,
                                base::Reporter& reporter) {
  HPCENV_TRY(prefix::require_usable(environment.prefix, {}, reporter));
  HPCENV_ASSIGN(const shell::EnvironmentFacts wanted,
                facts_of(locations, environment.prefix.string(), wish.dialect));
  const shell::EnvironmentFacts active =
      facts_if_any(locations, shell::active_prefix(now), wish.dialect);
  const auto missed = only_for_sh(wanted.prefix, wish.dialect);
  if (!missed.empty()) {
    reporter.warning(
        fmt::format("what these scripts of packages set is not there, they are written for sh "
                    "only: {}; programs "
                    "that need it: hpcenv run",
                    base::join(missed, ", ")));
  }
  return shell::render(shell::enter(wanted, active, now, wish.stacking, wish.prompt), wish.dialect);
}

Result<std::string> leave_lines(const Locations& locations, const base::Environment& now,
                                const ShellWish& wish) {
  const shell::EnvironmentFacts active =
      facts_if_any(locations, shell::active_prefix(now), wish.dialect);
  const shell::EnvironmentFacts below =
      facts_if_any(locations, shell::prefix_below(now), wish.dialect);
  return shell::render(shell::leave(active, below, now, wish.prompt), wish.dialect);
}

}  // namespace hpcenv::ops
