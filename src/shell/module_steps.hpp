// What a module file does, before it is put in words of Lua or Tcl.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "shell/modulefile.hpp"

namespace hpcenv::shell {

struct ModuleStep {
  enum class Kind {
    choose,  ///< what `rule` says
    front,   ///< `list` in front of a list of directories
    back,
  };
  Kind kind = Kind::choose;
  Rule rule;             ///< of `front` and `back`: the name alone
  std::string list;      ///< elements with `:` between them
  bool guarded = false;  ///< only where the guards hold
};

/// What operations made of variables before the rules begin; nullopt: unset.
using KnownVariables = std::map<std::string, std::optional<std::string>>;

struct ModuleSteps {
  KnownVariables known;
  std::vector<ModuleStep> steps;
  std::vector<RefusedVariable> refused;
  std::vector<RefusedVariable> in_some_shells;
};

/// Operations and rules as one list, a step a variable: what an operation set is known to the
/// rules.
ModuleSteps module_steps(const Activation& activation, ModuleKind kind);

/// Names whose incoming values the steps and guards read.
std::set<std::string> names_read(const Activation& activation, const ModuleSteps& steps);

/// What stands in comments and help of both kinds.
inline constexpr std::string_view module_mark =
    "Written by `hpcenv modulefile`, which may write this file anew.";
/// Tells modules of different prefixes apart, in the name of a variable.
std::string module_key(const Activation& activation);
std::string module_help(const Activation& activation);
/// What is said where a guard does not hold; names of scripts follow.
std::string guard_message(const Guard& guard);
/// What the rules themselves make of a variable that a guard wants unset: then it came of an
/// earlier entry, and the guard is not broken.
std::optional<std::string> made_by_rule(const Recorded& recorded, const Guard& guard);
/// File names of scripts, with commas.
std::string script_names(const std::vector<std::string>& paths);

std::string lua_module(const Activation& activation, const ModuleSteps& steps);
std::string tcl_module(const Activation& activation, const ModuleSteps& steps);

}  // namespace hpcenv::shell
