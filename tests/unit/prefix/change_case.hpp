// Changes of an environment through transaction.hpp, as the pipelines make them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "prefix/transaction.hpp"
#include "unit/prefix/package_tree.hpp"

namespace hpcenv::test {

using Packages = std::vector<conda::UnpackedPackage>;

/// The plan that turns what is installed into `wanted`, and the packages that it links.
struct ChangePlan {
  prefix::Plan plan;
  Packages packages;
};
ChangePlan plan_change(const std::filesystem::path& prefix, const Packages& wanted);

/// Completes what is unfinished, plans, prepares, commits; nothing where all is so already. Kind
/// conflict where the plan was stale.
Result<prefix::ChangeReport> change_to(const std::filesystem::path& prefix, const Packages& wanted,
                                       const prefix::LinkOptions& options = plain_options());
/// From a plan on.
Result<prefix::ChangeReport> carry_out_plan(const ChangePlan& change,
                                            const prefix::LinkOptions& options = plain_options());

/// The snapshot without what differs between two runs: times in the history, the link source.
std::map<std::string, std::string> files_of(const std::filesystem::path& prefix);

/// Names in PREFIX/.hpcenv; empty where it is missing.
std::vector<std::string> own_names(const std::filesystem::path& prefix);

}  // namespace hpcenv::test
