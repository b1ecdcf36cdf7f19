// conda-meta/history: blocks of what was done (facts/conda.md 4.7).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hpcenv::conda {

struct HistoryBlock {
  std::int64_t time = 0;            ///< seconds since the epoch
  std::string command;              ///< the command line
  std::string tool;                 ///< "hpcenv 0.1.0"
  std::vector<std::string> linked;  ///< "channel/subdir::name-version-build"
  std::vector<std::string> unlinked;
  std::vector<std::string> update_specs;
};

/// The text to append; newlines inside the command are escaped.
std::string history_text(const HistoryBlock& block);

}  // namespace hpcenv::conda
