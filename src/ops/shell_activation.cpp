#include "ops/shell_activation.hpp"

#include <algorithm>

#include "base/fs.hpp"
#include "prefix/readers.hpp"
#include "prefix/state.hpp"

namespace hpcenv::ops {
namespace {

std::vector<std::string> scripts_in(const std::string& prefix, const char* folder) {
  const std::filesystem::path directory = std::filesystem::path(prefix) / "etc" / "conda" / folder;
  std::vector<std::string> scripts;
  const auto names = base::list_directory(directory);
  for (const std::string& name : names ? *names : std::vector<std::string>{}) {
    if (name.ends_with(".sh")) {
      scripts.push_back((directory / name).string());
    }
  }
  return scripts;
}

Result<shell::EnvironmentFacts> facts_of(const Locations& locations, const std::string& prefix) {
  shell::EnvironmentFacts facts;
  facts.prefix = prefix;
  facts.name = name_of(locations, prefix);
  if (facts.name.empty()) {
    facts.name = prefix;
  }
  facts.activate_scripts = scripts_in(prefix, "activate.d");
  facts.deactivate_scripts = scripts_in(prefix, "deactivate.d");
  std::ranges::reverse(facts.deactivate_scripts);
  HPCENV_ASSIGN(const std::vector<prefix::StateVariable> variables,
                prefix::state_variables(prefix));
  for (const prefix::StateVariable& variable : variables) {
    facts.variables.emplace_back(variable.name, variable.value);
  }
  return facts;
}

// Of one that is left: what cannot be read of it does not keep anybody in.
shell::EnvironmentFacts facts_if_any(const Locations& locations, const std::string& prefix) {
  shell::EnvironmentFacts facts;
  facts.prefix = prefix;
  facts.name = prefix;
  if (prefix.empty()) {
    return facts;
  }
  const auto read = facts_of(locations, prefix);
  return read ? *read : facts;
}

}  // namespace

Result<std::string> enter_lines(const Locations& locations, const EnvironmentRef& environment,
                                const base::Environment& now, const ShellWish& wish,
                                base::Reporter& reporter) {
  HPCENV_TRY(prefix::require_usable(environment.prefix, {}, reporter));
  HPCENV_ASSIGN(const shell::EnvironmentFacts wanted,
                facts_of(locations, environment.prefix.string()));
  const shell::EnvironmentFacts active = facts_if_any(locations, shell::active_prefix(now));
  return shell::render(shell::enter(wanted, active, now, wish.stacking, wish.prompt), wish.dialect);
}

std::string leave_lines(const Locations& locations, const base::Environment& now,
                        const ShellWish& wish) {
  const shell::EnvironmentFacts active = facts_if_any(locations, shell::active_prefix(now));
  const shell::EnvironmentFacts below = facts_if_any(locations, shell::prefix_below(now));
  return shell::render(shell::leave(active, below, now, wish.prompt), wish.dialect);
}

}  // namespace hpcenv::ops
