// conda-meta/history: blocks of what was done, and what the user asked for (facts/conda.md 4.7).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hpcenv::conda {

struct HistoryBlock {
  std::int64_t time = 0;            ///< seconds since the epoch
  std::string command;              ///< the command line
  std::string tool;                 ///< "hpcenv 0.1.0"
  std::vector<std::string> linked;  ///< "channel/subdir::name-version-build"
  std::vector<std::string> unlinked;
  std::vector<std::string> update_specs;
  std::vector<std::string> remove_specs;
  std::vector<std::string> recipes;         ///< of hpcenv, that the environment was made from
  std::vector<std::string> neutered_specs;  ///< what is left of earlier wishes that were overruled
};

/// The text to append; newlines inside the command are escaped.
std::string history_text(const HistoryBlock& block);

/// Reads what conda (of all ages), mamba and hpcenv write. Lenient: what cannot be read is left
/// out, a history is never refused. Times are taken as UTC.
std::vector<HistoryBlock> parse_history(std::string_view text);

struct RequestedSpec {
  std::string name;  ///< of the package, in lower case
  std::string text;  ///< as the user wrote it, the last time
};

/// What the user wants by the end of the history, by name: update specs come, remove specs go,
/// neutered ones replace. Whether the packages are installed is not looked at.
std::vector<RequestedSpec> requested_specs(std::span<const HistoryBlock> history);
/// The recipes of all blocks, each once, in their order.
std::vector<std::string> recipes_of(std::span<const HistoryBlock> history);

}  // namespace hpcenv::conda
