// The order in which the packages of a solution are linked.
#pragma once

#include <span>
#include <vector>

#include "solve/candidates.hpp"

namespace hpcenv::solve {

/// What a package depends on comes before it; python comes before what is written in it. Cycles are
/// broken the same way each time.
std::vector<CandidateIndex> link_order(const Candidates& table,
                                       std::span<const CandidateIndex> chosen);

}  // namespace hpcenv::solve
