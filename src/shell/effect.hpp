// What entering changed in a running shell beside conda's own variables, kept in variables so that
// leaving gives back what was there, without the scripts. Pure.
//
// __HPCENV_EFFECT_<level> lists what was changed, each name with the length and hash of what it
// became; __HPCENV_WAS_<level>_<name> is what it was before, where it was anything.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/environment.hpp"

namespace hpcenv::shell {

/// New values of variables; nothing: unset.
using Changes = std::vector<std::pair<std::string, std::optional<std::string>>>;

/// What makes `after` of `before`, by name; not what a shell keeps for itself.
Changes changes_between(const base::Environment& before, const base::Environment& after);

/// The variables that note, for the environment of `level`, what was changed. `lists` are the names
/// to whose values something was added.
Changes effect_notes(std::uint64_t level, const base::Environment& before,
                     const base::Environment& after, const std::set<std::string>& lists);

/// The variables with that effect undone and its notes gone: what still is as it was made becomes
/// what it was; from a value that was changed since, what entering put before or after it is cut,
/// and all else stays. Of PATH the elements that came with it go.
base::Environment without_effect(const base::Environment& now, std::uint64_t level);
/// The same of all levels, the last one first.
base::Environment without_effects(const base::Environment& now);

}  // namespace hpcenv::shell
