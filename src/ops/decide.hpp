// The decision half of the pipeline: from an environment as it is to a plan. Writes to the index
// cache only.
#pragma once

#include <variant>

#include "ops/change.hpp"
#include "prefix/state.hpp"

namespace hpcenv::ops {

using Decided = std::variant<ChangeDecision, solve::Conflict>;

/// For create, install and update; `state` is empty for create. Where every wish of an install is
/// met by what is installed, nothing is probed, read or solved.
Result<Decided> decide(const ChangeRequest& request, const prefix::PrefixState& state,
                       const Locations& locations, const Seams& seams);
/// For remove: no channel is asked.
Result<ChangeDecision> decide_removal(const ChangeRequest& request,
                                      const prefix::PrefixState& state);

}  // namespace hpcenv::ops
