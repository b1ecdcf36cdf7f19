// An activation as a module file: Lua for Lmod, Tcl for environment-modules.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "shell/activation.hpp"
#include "shell/refused_variable.hpp"

namespace hpcenv::shell {

enum class ModuleKind { lmod, tcl };

struct ModuleFile {
  std::string text;
  std::vector<RefusedVariable> refused;  ///< left out, by name
  /// Set by the file except in some shells, whose module command would change or run the value; it
  /// leaves them out there and says so.
  std::vector<RefusedVariable> in_some_shells;
  std::size_t variables = 0;  ///< that are in it
};

/// Loading makes of the variables what apply() makes of them, but for what other environments left
/// in PATH and LD_LIBRARY_PATH, which a module could not put back; unloading restores. Nothing in
/// a value is ever executed: what a module command cannot hand on (activation facts, section D) is
/// refused, also what is only known at load. Rules apply where their guards hold at load. Live
/// scripts are named in the help. Kind refused for a prefix that no module can put into PATH.
Result<ModuleFile> module_file(const Activation& activation, ModuleKind kind);

/// Whether hpcenv wrote a module file.
bool is_own_module_file(std::string_view text);

}  // namespace hpcenv::shell
