// What the commands of targets ask of their command line.
#pragma once

#include <filesystem>
#include <string>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "cli/command.hpp"

namespace hpcenv::cli {

/// The one operand. Kind usage where there is none, several, or one that is no name of a target.
Result<std::string> target_name(const Arguments& arguments);

/// Where the user's own targets lie. Kind usage where no variable says.
Result<std::filesystem::path> own_targets(const base::Environment& environment);

}  // namespace hpcenv::cli
