// The commit record of a change: all that has still to be done, so that any later command can do it
// (docs/contributing/change-record.md has the format).
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "prefix/own_folder.hpp"

namespace hpcenv::prefix {

/// One step of a commit. Each has one end under PREFIX/.hpcenv/<token>/, which alone tells whether
/// it is done.
struct Step {
  enum class Kind : char {
    trash = 't',       ///< PATH -> trash/NUMBER
    clear = 'x',       ///< the same, in the way of new/PATH
    prune = 'e',       ///< the directory PATH -> trash/NUMBER, if it is empty
    keep = 'k',        ///< PATH -> kept/DATE/PATH; the user's
    keep_clear = 'y',  ///< the same, in the way of new/PATH
    keep_link = 'l',   ///< a second name for PATH: kept/DATE/PATH; a new file follows
    keep_copy = 'c',   ///< copies/PATH -> kept/DATE/PATH, where links do not work
    place = 'n',       ///< new/PATH -> PATH, where nothing is
    replace = 'r',     ///< new/PATH -> PATH, where something is; that is linked into trash before
  };
  Kind kind = Kind::place;
  std::uint32_t number = 0;  ///< of its name in trash/
  std::string path;          ///< relative to the prefix
  bool operator==(const Step&) const = default;
};

/// Steps of a phase may be done in any order and side by side, but phases only one after another.
enum class Phase : std::uint8_t { removals, keeps, empties, arrivals, metadata, history };
inline constexpr std::size_t phase_count = 6;

struct ChangeRecord {
  std::string date;  ///< names the folder of kept files
  std::array<std::vector<Step>, phase_count> phases;
  std::string meta_before;           ///< `MetaFingerprint` of the old conda-meta
  std::string meta_after;            ///< and of the planned one
  std::vector<std::string> scripts;  ///< to be run before the first step, `LinkScript` as text
  std::vector<Step>& steps(Phase phase) { return phases.at(static_cast<std::size_t>(phase)); }
  const std::vector<Step>& steps(Phase phase) const {
    return phases.at(static_cast<std::size_t>(phase));
  }
  bool operator==(const ChangeRecord&) const = default;
};

std::string record_text(const ChangeRecord& record);
/// Kind refused: damaged, cut short, or of a newer format. `file` stands in messages.
Result<ChangeRecord> parse_record(std::string_view text, const std::filesystem::path& file);

/// Under a temporary name, synced, renamed, the directory synced: the change is decided.
Result<> write_record(const ChangeRecord& record, const Workplace& work);
Result<ChangeRecord> read_record(const Workplace& work);

}  // namespace hpcenv::prefix
