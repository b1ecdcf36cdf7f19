// Why a solution is as it is, and what would make a conflict fit: in words for the user.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "index/channel_index.hpp"
#include "ops/question.hpp"
#include "solve/solver.hpp"

namespace hpcenv::ops {

/// Tries without python's kept minor version, and without earlier wishes, and says what of them
/// would have to give way. `wanted` is what led to the conflict.
Result<> add_hints(solve::Conflict& conflict, const solve::SolveRequest& wanted,
                   const Question& question);

/// What of the solution is not the newest, each with the reason.
std::vector<std::string> notes_on(const ChangeRequest& request, const Question& question,
                                  const index::ChannelIndex& channels,
                                  const solve::Solution& solution);

/// Null where the solution has no package of that name.
const conda::PackageRecord* find_package(const solve::Solution& solution, std::string_view name);

}  // namespace hpcenv::ops
