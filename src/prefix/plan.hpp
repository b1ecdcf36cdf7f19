// The difference between what is installed and a solution, as a value.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/json_fwd.hpp"
#include "conda/package_record.hpp"
#include "prefix/state.hpp"

namespace hpcenv::prefix {

struct Plan {
  std::filesystem::path prefix;
  std::vector<conda::PackageRecord> link;  ///< topological order
  std::vector<conda::PackageRecord> unlink;
  std::vector<std::string> requested_specs;  ///< as the user gave them
  std::string command_line;                  ///< for the history
  std::vector<prefix::StateVariable>
      variables;             ///< `variables:` of an environment file, for conda-meta/state
  MetaFingerprint based_on;  ///< conda-meta when the plan was made
  std::vector<std::string> removed_specs;  ///< as the user gave them, for the history
  std::vector<std::string> recipes;        ///< names of those that the specs come from
};

/// Packages that `reinstall` names are linked anew though they stay the same; so are noarch Python
/// packages where python's minor version changes.
Plan make_plan(const PrefixState& state, std::span<const conda::PackageRecord> solution,
               std::span<const std::string> reinstall = {});

}  // namespace hpcenv::prefix
