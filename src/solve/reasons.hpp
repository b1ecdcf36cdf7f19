// A "no" of libsolv's as a tree in words.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "solve/candidates.hpp"
#include "solve/solv.hpp"

namespace hpcenv::solve {

/// A SolvReason in terms of candidates and specs.
struct Reason {
  SolvReason::Kind kind = SolvReason::Kind::wanted;
  std::optional<CandidateIndex> package;
  std::optional<CandidateIndex> other;
  std::optional<SpecIndex> spec;
};

/// First what was asked for, below it what follows; always in the same order.
std::vector<std::string> explain_reasons(const Candidates& table, std::span<const Reason> reasons);

}  // namespace hpcenv::solve
