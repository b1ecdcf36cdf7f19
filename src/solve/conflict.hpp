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
Conflict conflict_of(std::vector<std::string> lines);

/// "you asked for 'numpy <2'", "'python 3.11.*' is pinned".
std::string wish_sentence(const Spec& spec);

/// "numpy 1.26.4", "numpy 1.26.4 and 2.0", "numpy 1.20 to 2.0": candidates of one name.
std::string describe(const Candidates& table, std::span<const CandidateIndex> candidates);

/// What the machine offers in place of a virtual package that is missing or too old.
std::string describe_machine(const Candidates& table, NameIndex name);

}  // namespace hpcenv::solve
