#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "shell/activation.hpp"
#include "shell/effect.hpp"
#include "shell/leftovers.hpp"

namespace hpcenv::shell {
namespace {

using Kind = Operation::Kind;

// Keeps the elements for which `keep` holds; an empty list unsets the variable.
template <class Keep>
void filter_list(base::Environment& environment, const std::string& name,
                 std::string_view separators, const Keep& keep) {
  const auto value = environment.get(name);
  if (!value) return;
  std::string kept;
  bool first = true;
  std::size_t start = 0;
  while (start <= value->size()) {
    const std::size_t end = std::min(value->find_first_of(separators, start), value->size());
    const std::string element = value->substr(start, end - start);
    if (keep(element)) {
      kept += (first ? "" : ":") + element;
      first = false;
    }
    start = end + 1;
  }
  if (first) {
    environment.unset(name);
  } else {
    environment.set(name, kept);
  }
}

// The bin directories that the incoming variables call active.
std::set<std::string> active_directories(const base::Environment& environment) {
  std::set<std::string> directories;
  for (const auto& [name, value] : environment.all()) {
    if (name == "VIRTUAL_ENV" || name.starts_with("CONDA_PREFIX")) {
      directories.insert(value + "/bin");
    }
  }
  return directories;
}

void drop_environments(const std::string& name, base::Environment& environment,
                       const DiskLook& look) {
  const std::set<std::string> active = active_directories(environment);
  std::vector<std::string> folders;
  for (const char* active_name : {"CONDA_PREFIX", "CONDA_PREFIX_1", "CONDA_PREFIX_2"}) {
    const std::string prefix = environment.get_or(active_name, "");
    if (!prefix.empty()) folders.push_back(prefix + "/");
  }
  filter_list(environment, name, ":", [&](const std::string& element) {
    if (std::ranges::find(system_directories, element) != system_directories.end()) return true;
    if (active.contains(element) || element.ends_with("/condabin")) return false;
    const bool below = std::ranges::any_of(
        folders, [&](const std::string& folder) { return element.starts_with(folder); });
    if (below) return false;
    return !(element.ends_with("/bin") && look.is_environment &&
             look.is_environment(element.substr(0, element.size() - 4)));
  });
}

void drop_shadowing(const Operation& operation, base::Environment& environment,
                    const DiskLook& look) {
  const bool preload = operation.name == "LD_PRELOAD";
  filter_list(environment, operation.name, preload ? ": " : ":", [&](const std::string& element) {
    if (preload) {
      const std::string file = element.substr(element.rfind('/') + 1);
      return !element.empty() && !(look.exists && look.exists(operation.value + "/" + file));
    }
    return !(look.shadows && look.shadows(element.empty() ? "." : element, operation.value));
  });
}

template <class Match>
void unset_matching(base::Environment& environment, const Match& match) {
  std::vector<std::string> names;
  for (const auto& [name, value] : environment.all()) {
    if (match(name)) names.push_back(name);
  }
  for (const std::string& name : names) environment.unset(name);
}

void prepend(const Operation& operation, base::Environment& environment) {
  if (operation.name == "PATH" && environment.get_or("PATH", "").empty()) {
    environment.set("PATH", std::string(fallback_path));
  }
  filter_list(environment, operation.name, ":",
              [&](const std::string& element) { return element != operation.value; });
  const std::string rest = environment.get_or(operation.name, "");
  environment.set(operation.name, operation.value + (rest.empty() ? "" : ":" + rest));
}

// bash writes an exported function as BASH_FUNC_name%%, or as BASH_FUNC_name() in old builds.
void unset_functions(base::Environment& environment) {
  unset_matching(environment, [](const std::string& name) {
    constexpr std::string_view start = "BASH_FUNC_";
    if (!name.starts_with(start)) return false;
    const std::string function = name.substr(start.size(), name.find_first_of("%(") - start.size());
    return std::ranges::find(conda_functions, function) != conda_functions.end();
  });
}

void apply_one(const Operation& operation, base::Environment& environment, const DiskLook& look) {
  switch (operation.kind) {
    case Kind::undo_effects:
      environment = without_effects(environment);
      break;
    case Kind::set:
      environment.set(operation.name, operation.value);
      break;
    case Kind::unset:
      environment.unset(operation.name);
      break;
    case Kind::prepend:
      prepend(operation, environment);
      break;
    case Kind::unset_prefix:
      unset_matching(environment, [&](const std::string& name) {
        return name.starts_with(operation.name) &&
               (operation.value.empty() || !name.starts_with(operation.value));
      });
      break;
    case Kind::unset_functions:
      unset_functions(environment);
      break;
    case Kind::drop_environments:
      drop_environments(operation.name, environment, look);
      break;
    case Kind::drop_shadowing:
      drop_shadowing(operation, environment, look);
      break;
  }
}

}  // namespace

base::Environment apply_start(const Activation& activation, const base::Environment& before,
                              const DiskLook& look) {
  base::Environment environment = before;
  for (const Operation& operation : activation.operations) {
    apply_one(operation, environment, look);
  }
  return environment;
}

base::Environment apply(const Activation& activation, const base::Environment& before,
                        const DiskLook& look) {
  base::Environment environment =
      apply_rules(activation.recorded.rules, apply_start(activation, before, look));
  for (const Operation& operation : activation.last_operations) {
    apply_one(operation, environment, look);
  }
  return environment;
}

}  // namespace hpcenv::shell
