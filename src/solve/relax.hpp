// What would be possible where there is no solution.
#pragma once

#include <string>
#include <vector>

#include "solve/solver.hpp"

namespace hpcenv::solve {

/// Of a request without a solution: the wishes that alone are in the way, each with what its
/// package would be if its version and build were free; at most three. Solves once for each wish.
std::vector<std::string> relaxed_hints(const SolveRequest& request);

}  // namespace hpcenv::solve
