// What a prefix says of itself: conda-meta records, history, state.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "conda/prefix_record.hpp"
#include "prefix/plan.hpp"
#include "prefix/state.hpp"

namespace hpcenv::prefix {

/// The specs of a plan that ask for the package, as the user wrote them.
std::vector<std::string> specs_naming(const std::vector<std::string>& specs,
                                      const std::string& package);

/// The block that goes to conda-meta/history. Channels are named without credentials.
std::string history_block(const Plan& plan, std::int64_t now, const std::string& tool);

/// conda-meta/state with `variables` set in it, `before` being its text (empty: there is none).
/// Empty where there is nothing to write. What of `before` cannot be read is left out.
std::string state_text(const std::string& before, const std::vector<StateVariable>& variables);

struct MetaTexts {
  std::string history;                        ///< the whole file
  std::string state;                          ///< empty: not written
  std::map<std::string, std::string> others;  ///< name in conda-meta -> text
};

/// Writes conda-meta under `directory`, where it is a directory already: one file a record, and
/// `texts`; each synced, and their directory too. Credentials are taken out of urls.
Result<> write_conda_meta(const std::filesystem::path& directory,
                          const std::vector<conda::PrefixRecord>& records, const MetaTexts& texts,
                          std::size_t jobs);

}  // namespace hpcenv::prefix
