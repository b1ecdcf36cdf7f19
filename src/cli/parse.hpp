// argv against a command's table (CLI11).
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/command.hpp"

namespace hpcenv::cli {

/// `words` is what follows the command's name. Kind usage, with the nearest option and `hpcenv
/// COMMAND --help`.
Result<Arguments> parse_arguments(const CommandSpec& command,
                                  const std::vector<std::string>& words);

}  // namespace hpcenv::cli
