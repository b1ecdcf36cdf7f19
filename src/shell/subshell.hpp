// How a shell is started that is active after the user's own start-up files have run, without a
// change to any of them. Pure.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/environment.hpp"
#include "shell/shell_change.hpp"

namespace hpcenv::shell {

/// In a csh that `subshell` started: the prefix that it is to be in, for a hook in its own start-up
/// file to enter once more, after what that file did to PATH.
inline constexpr const char* subshell_prefix = "HPCENV_SUBSHELL";

/// What the shell reads its commands from.
enum class Input { terminal, stream };

struct SubshellWish {
  Dialect dialect = Dialect::bash;
  Input input = Input::terminal;
  std::string shell;    ///< path of the shell
  std::string folder;   ///< absolute, private, for the files; the shell removes it
  std::string program;  ///< path of hpcenv
  std::string prefix;
  std::vector<std::string> options;  ///< of `hpcenv activate`, beside the prefix
  /// For shells that cannot be told so: the lines of the activation, for a file to be sourced.
  std::string lines;
};

struct Subshell {
  std::vector<std::pair<std::string, std::string>> files;  ///< name in the folder, text
  std::vector<std::string> argv;
  base::Environment environment;
};

/// bash, zsh, fish and posix shells become active last: the activation is made of what the user's
/// files left. tcsh and csh on a terminal read their files after it, for they can be told no other;
/// a hook in them puts that right.
Subshell subshell(const SubshellWish& wish, const base::Environment& now);

}  // namespace hpcenv::shell
