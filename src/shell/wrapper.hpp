// A small file that enters an environment and becomes one of its programs. hpcenv is not needed
// where it runs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shell/activation.hpp"

namespace hpcenv::shell {

struct Wrapper {
  std::string program;  ///< its name in the environment's bin
  std::string shell;    ///< absolute path of what reads the file
  /// What ends in a file of this name, in a folder below PREFIX/`change_folder`, is unfinished.
  std::string change_folder;
  std::string change_record;
};

/// The text: a mark, the checks that the program is there (127) and that no change of the prefix is
/// unfinished (30 s later: 125), render_posix where sh_suffices() and render_bash elsewhere, and an
/// exec with "$@": signals and exit code are the program's own. Depends on no file but those of the
/// prefix, on no variable, and not on where it lies.
std::string wrapper_text(const Activation& activation, const Wrapper& wrapper);

/// What the mark of a file says; nullopt: hpcenv did not write it.
struct WrapperMark {
  std::string program;
  std::string prefix;
  std::string environment_name;
};
std::optional<WrapperMark> wrapper_mark(std::string_view text);

}  // namespace hpcenv::shell
