// libsolv's part: it confirms a proposal, or searches among all that lives.
#pragma once

#include <span>
#include <string>
#include <variant>
#include <vector>

#include "solve/candidates.hpp"

namespace hpcenv::solve {

/// What was chosen, or why nothing can be, in words: what was asked for first.
using SearchOutcome = std::variant<std::vector<CandidateIndex>, std::vector<std::string>>;

/// Chooses among `available`, whose needs of the machine have been settled.
SearchOutcome search(const Candidates& table, std::span<const CandidateIndex> available);

}  // namespace hpcenv::solve
