// From argv to an exit code.
#pragma once

#include <string>
#include <vector>

#include "base/environment.hpp"

namespace hpcenv::cli {

/// `words` without the program's name. Everything that is printed is printed here or below.
int run_program(const std::vector<std::string>& words, const base::Environment& environment);

}  // namespace hpcenv::cli
