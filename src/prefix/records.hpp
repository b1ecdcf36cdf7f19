// What a prefix says of itself: conda-meta records, history, state.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "conda/prefix_record.hpp"
#include "prefix/plan.hpp"

namespace hpcenv::prefix {

/// The specs of a plan that ask for the package, as the user wrote them.
std::vector<std::string> specs_naming(const std::vector<std::string>& specs,
                                      const std::string& package);

/// The block that goes to conda-meta/history. Channels are named without credentials.
std::string history_block(const Plan& plan, std::int64_t now, const std::string& tool);

/// Writes conda-meta of a new environment under `directory`: one file a record, history, and state
/// where the plan has variables; each synced, and their directory too. Credentials are taken out of
/// urls.
Result<> write_conda_meta(const std::filesystem::path& directory,
                          const std::vector<conda::PrefixRecord>& records, const Plan& plan,
                          const std::string& history, std::size_t jobs);

}  // namespace hpcenv::prefix
