// What goes when packages go. Pure: installed records say who needs whom, no channel is asked.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "conda/match_spec.hpp"
#include "prefix/state.hpp"

namespace hpcenv::ops {

enum class Dependents { go, stay };  ///< stay: --force, the environment is left broken
enum class Orphans { prune, keep };  ///< keep: --no-prune-deps

struct Removal {
  std::vector<conda::PackageRecord> stay;  ///< in the order of the state
  std::vector<std::string> asked;          ///< names that the specs mean
  std::vector<std::string> dependents;     ///< names that go because they need those
  std::vector<std::string> orphans;        ///< names that only they needed
  std::vector<std::string> broken;         ///< names that stay without what they need (--force)
};

/// `specs` may hold patterns in the name. An orphan is a dependency of what goes that nothing left
/// needs and nobody asked for (`wished`). Kind not_found for a spec that means nothing installed,
/// with the nearest names.
Result<Removal> plan_removal(const prefix::PrefixState& state,
                             std::span<const conda::MatchSpec> specs,
                             std::span<const conda::MatchSpec> wished, Dependents dependents,
                             Orphans orphans);

}  // namespace hpcenv::ops
