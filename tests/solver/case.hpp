// A solver case: channels, a machine, wishes, and what is expected of them, as a text that people
// can read and write (tests/solver/README.md).
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "index/channel_index.hpp"
#include "solve/solver.hpp"

namespace hpcenv::solve_test {

struct Case {
  std::string name;
  index::ChannelIndex index;
  solve::SolveRequest request;  ///< without the index
  bool only_dive = false;
  /// "packages", "order", "conflict", "unknown", "hints", "notes", "choices": lines of the sections
  /// that stand in the file.
  std::map<std::string, std::vector<std::string>> expected;
};

Result<Case> read_case(const std::filesystem::path& path);

/// What is wrong with a solution, by looking at every depends and constrains and at the specs;
/// empty where nothing is. Shares nothing with the solver but the match specs.
std::vector<std::string> faults_of(const solve::SolveRequest& request,
                                   const std::vector<conda::PackageRecord>& packages);

}  // namespace hpcenv::solve_test
