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

/// Chooses among `available`, whose needs of the machine have been settled: what the request needs,
/// and of what is installed as much as can stay.
SearchOutcome search(const Candidates& table, std::span<const CandidateIndex> available);

/// Whether all of `proposal` can be together, and nothing is missing.
bool confirm(const Candidates& table, std::span<const CandidateIndex> proposal);

}  // namespace hpcenv::solve
