// Small files that enter an environment and become one of its programs: for srun, editors, cron,
// and whatever cannot say `hpcenv run`.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "ops/locations.hpp"
#include "ops/seams.hpp"
#include "shell/activation.hpp"

namespace hpcenv::ops {

enum class ForeignFile { keep, overwrite };

struct WrapWish {
  EnvironmentRef environment;
  std::filesystem::path folder;
  std::vector<std::string> programs;
  ForeignFile foreign = ForeignFile::keep;
};

struct WrittenWrapper {
  std::string program;
  std::filesystem::path file;
};

struct WrapAnswer {
  std::vector<WrittenWrapper> written;
  std::string shell;                      ///< what reads the files
  std::vector<std::string> live_scripts;  ///< sourced at each start; empty where sh does it all
};

/// Writes folder/PROGRAM for each program, the folder too. All is checked before the first file is
/// written: not_found for a program that the environment's bin lacks, with the nearest names;
/// refused for the environment's own bin as folder, for a file that hpcenv did not write (unless it
/// may be overwritten), and for what is no file. Kinds of activation_for. A machine without bash
/// gets files without what only bash can do; the reporter is told.
Result<WrapAnswer> wrap_programs(const WrapWish& wish, const Locations& locations,
                                 const LocalSeams& seams);

/// The text of one wrapper, and what reads it.
struct WrapperText {
  std::string text;
  std::string shell;
};
WrapperText wrapper_for(const shell::Activation& activation, const std::string& program,
                        const base::Environment& environment);

enum class WrapperState {
  current,
  changed,         ///< would be written otherwise now
  no_program,      ///< the environment lacks it
  no_environment,  ///< gone
  unknown,         ///< cannot be said: the environment cannot be used just now
};
/// "current", "changed", "program gone", "environment gone", "unknown".
std::string_view name_of(WrapperState state);

struct KnownWrapper {
  std::filesystem::path file;
  std::string program;
  std::string prefix;
  WrapperState state = WrapperState::unknown;
};

/// The wrappers in a folder, by name. Kinds of base::list_directory.
Result<std::vector<KnownWrapper>> known_wrappers(const std::filesystem::path& folder,
                                                 const Locations& locations,
                                                 const LocalSeams& seams);

}  // namespace hpcenv::ops
