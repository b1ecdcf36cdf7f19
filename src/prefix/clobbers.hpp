// Paths that a new package and an installed one both bring, and losers that get their path back.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "prefix/own_folder.hpp"
#include "prefix/owners.hpp"
#include "prefix/prepare.hpp"

namespace hpcenv::prefix {

/// What a change does about them. Paths are relative to the prefix.
struct ClobberPlan {
  struct Move {
    std::string from;  ///< in the prefix; stays there until the commit
    std::string to;    ///< in new/, then in the prefix
    /// The name `from` goes with the commit; else a new package's file takes it.
    enum class Old { goes, is_taken };
    Old old = Old::goes;
  };
  std::vector<Move> moves;
  /// Installed packages whose records change: old path -> new path.
  std::map<const conda::PrefixRecord*, std::map<std::string, std::string>> renamed;
  std::vector<std::string> messages;
};

/// Settles who has which path: a new package's file goes before an installed one's, which is
/// parked in .hpcenv/clobbered/PACKAGE/; a package that lost a path before loses it again when it
/// is updated; a parked file whose winner leaves gets its path back. Changes targets in the
/// blueprint's layout.
ClobberPlan settle_clobbers(Blueprint& blueprint, const Owners& owners);

/// Makes second names (or copies) of the moved files in new/.
Result<> prepare_moves(const ClobberPlan& plan, const Workplace& work);

/// The text of an installed package's record with paths renamed; all else in it stays, whoever
/// wrote it.
Result<std::string> renamed_record(const conda::PrefixRecord& package,
                                   const std::map<std::string, std::string>& renamed,
                                   const std::filesystem::path& prefix);

}  // namespace hpcenv::prefix
