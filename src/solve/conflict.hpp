// A "no" in words: first what was asked for, last the record or the machine that forbids it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "solve/consistency.hpp"
#include "solve/solver.hpp"

namespace hpcenv::solve {

inline constexpr std::size_t conflict_line_limit = 12;

/// Of what arc consistency has proven: `failed` is required and nothing of it lives.
Conflict explain_empty(const Candidates& table, const Consistency& state, NameIndex failed);

/// Why no candidate of these, of one name, can be there: `state` is at rest and has killed them.
std::string explain_deaths(const Candidates& table, const Consistency& state,
                           std::span<const CandidateIndex> dead);

/// Of sentences that come from elsewhere; the first ones are kept.
Conflict conflict_of(const Candidates& table, std::vector<std::string> lines);

}  // namespace hpcenv::solve
