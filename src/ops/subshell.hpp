// A shell of the user's own, active in an environment, in this process' place.
#pragma once

#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "ops/locations.hpp"
#include "ops/seams.hpp"
#include "ops/shell_activation.hpp"
#include "shell/subshell.hpp"

namespace hpcenv::ops {

struct SubshellRequest {
  EnvironmentRef environment;
  ShellWish wish;  ///< for which shell, stacked or not, with what prompt
  shell::Input input = shell::Input::terminal;
  std::filesystem::path shell;        ///< of the user
  std::filesystem::path program;      ///< hpcenv itself
  std::vector<std::string> settings;  ///< options of this command that hold in there too
};

/// A shell that is ready to start: its files lie in a private folder, which it removes itself.
struct PreparedSubshell {
  std::filesystem::path folder;
  shell::Subshell start;
};
/// Refused as enter_lines; kind io where no folder for temporary files takes them.
Result<PreparedSubshell> prepare_subshell(const Locations& locations,
                                          const SubshellRequest& request,
                                          const base::Environment& now, const LocalSeams& seams);

/// The lines that enter `environment` in a csh whose start-up files have run
/// (shell::subshell_prefix), in a file that is gone once it was sourced. Fails as prepare_subshell.
Result<std::filesystem::path> file_to_enter_again(const Locations& locations,
                                                  const EnvironmentRef& environment,
                                                  const base::Environment& now,
                                                  const ShellWish& wish, const LocalSeams& seams);

/// Replaces this process, so that signals, the terminal and the exit code are the shell's. Returns
/// only on failure (base::exec_program), with the folder gone.
Error become(const PreparedSubshell& prepared);

}  // namespace hpcenv::ops
