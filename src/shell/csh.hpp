// What render and hook of shell_change.hpp are in csh and tcsh.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "shell/shell_change.hpp"

namespace hpcenv::shell {

/// Lines for a file to be sourced: evaluating them would lose their newlines. Kind refused, naming
/// the variable, for a value that is longer than words of the old csh can be.
Result<std::string> render_csh(const std::vector<Statement>& statements, Dialect dialect);

/// The text of a file that is sourced for each command. The program is started with the variable
/// `shell_lines` as "DIALECT:FILE", and what it writes there is sourced.
std::string hook_csh(std::string_view program, Dialect dialect);

}  // namespace hpcenv::shell
