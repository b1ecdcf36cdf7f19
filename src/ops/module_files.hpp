// Module files of an environment on this disk.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "ops/locations.hpp"
#include "ops/seams.hpp"
#include "ops/wrappers.hpp"
#include "shell/modulefile.hpp"

namespace hpcenv::ops {

struct ModuleText {
  shell::ModuleKind kind = shell::ModuleKind::lmod;
  shell::ModuleFile file;
  std::filesystem::path path;  ///< where it was written; empty where it was not
};

struct ModuleAnswer {
  std::vector<ModuleText> modules;
  std::vector<std::string> live_scripts;  ///< that a module cannot run
};

/// The texts, in the order of `kinds`. The reporter is told what is left out, and why. Kinds of
/// activation_for and of shell::module_file.
Result<ModuleAnswer> module_texts(const EnvironmentRef& environment,
                                  const std::vector<shell::ModuleKind>& kinds,
                                  const Locations& locations, const LocalSeams& seams);

/// Writes folder/NAME.lua for Lmod and folder/NAME for environment-modules, with the folders above.
/// Nothing is written where one of them is a file that hpcenv did not write (refused), unless it
/// may be overwritten. Kind usage for a name that leads out of the folder.
Result<> write_modules(ModuleAnswer& answer, const std::filesystem::path& folder,
                       const std::string& name, ForeignFile foreign);

/// What a module of the environment is called where nobody says it: its name, or that of its
/// folder.
std::string module_name_of(const EnvironmentRef& environment);

}  // namespace hpcenv::ops
