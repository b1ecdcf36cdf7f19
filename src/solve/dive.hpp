// A propagated dive: one proposal of what to install, almost without search.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "solve/consistency.hpp"

namespace hpcenv::solve {

/// One candidate for every name to install (no virtual ones): the direct ones as new as they can be
/// together, then every installed one that can stay, then of the rest the newest versions, then
/// the best builds; nullopt where it ends dead
/// (which proves nothing). `start` is at rest.
std::optional<std::vector<CandidateIndex>> dive(const Candidates& table, const Consistency& start);

}  // namespace hpcenv::solve
