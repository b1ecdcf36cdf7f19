// The block of `hpcenv init` in a user's own start-up file: decided, shown, then written.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <string>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "shell/rc_block.hpp"

namespace hpcenv::ops {

/// The file that an interactive shell reads (posix: a login shell). Kind usage without HOME.
Result<std::filesystem::path> start_up_file(shell::Dialect dialect,
                                            const base::Environment& environment);

struct InitRequest {
  enum class Act { add, remove };
  Act act = Act::add;
  shell::Dialect dialect = shell::Dialect::bash;
  std::string shell;              ///< as the user called it
  std::filesystem::path program;  ///< hpcenv itself
};

struct InitPlan {
  std::filesystem::path file;           ///< as the shell knows it
  std::filesystem::path target;         ///< the file itself, behind symbolic links
  std::optional<struct stat> existing;  ///< nothing: there is none
  shell::BlockEdit edit;
};
/// Refused for half a block, a folder and the like, a file of another user or of several names.
Result<InitPlan> plan_init(const InitRequest& request, const base::Environment& environment);
/// Made aside and renamed; mode, owner and links stay. Refused where the file was changed since the
/// plan, io where it cannot be written; it is as before then.
Result<> write_init(const InitPlan& plan);

/// Whether the shell's start-up file has a block already; also where it cannot be read: no.
bool has_init(shell::Dialect dialect, const base::Environment& environment);

}  // namespace hpcenv::ops
