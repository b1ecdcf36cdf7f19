// Which packages fit together. Pure.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "conda/match_spec.hpp"
#include "conda/package_record.hpp"
#include "index/channel_index.hpp"

namespace hpcenv::solve {

enum class ChannelPriority { strict, flexible, disabled };

/// How a solution is found: proposed by a dive and confirmed by libsolv, which searches where that
/// fails; or searched by libsolv from the beginning (to compare).
enum class Method { dive, search };

struct SolveRequest {
  const index::ChannelIndex* index = nullptr;  ///< outlives the call
  std::vector<conda::MatchSpec> specs;
  std::vector<conda::PackageRecord> virtual_packages;  ///< name, version, build
  std::vector<conda::MatchSpec> preferences;  ///< soft: followed where nothing is lost by it
                                              ///< (decision 3: `cuda-version <=12.2`)
  /// What is installed now: stays where it can, except for names in `specs` and `update`.
  std::vector<conda::PackageRecord> installed;
  /// Specs that hold besides (asked for earlier): they need not be newest, but have to be met.
  std::vector<conda::MatchSpec> kept;
  /// Restrict without requiring (pinned_packages, conda-meta/pinned).
  std::vector<conda::MatchSpec> pins;
  /// Names whose installed record is not preferred (`update NAME`); `update_all`: none is.
  std::vector<std::string> update;
  bool update_all = false;
  ChannelPriority priority = ChannelPriority::strict;
  std::string channel_alias;
  Method method = Method::dive;
};

struct Solution {
  /// Topological: what a package depends on comes before it. Installed records that stay are the
  /// ones of the request, byte for byte.
  std::vector<conda::PackageRecord> packages;
  std::vector<std::string> notes;  ///< preferences that were not met, in words
};

/// No solution: a value, not an error.
struct Conflict {
  /// Lines of the explanation, first what was asked for, last the record or virtual package that
  /// forbids it; at most 12.
  std::vector<std::string> lines;
  /// Names asked for that no channel has, with what was probably meant.
  std::vector<std::string> unknown_names;
  std::vector<std::string> hints;
};

using SolveOutcome = std::variant<Solution, Conflict>;

/// Kind bad_spec: a spec whose name is a pattern that does not fit exactly one package.
Result<SolveOutcome> solve(const SolveRequest& request);

}  // namespace hpcenv::solve
