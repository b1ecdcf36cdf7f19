// From what lies ready in new/ and what leaves to the steps of a commit.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "prefix/change_record.hpp"
#include "prefix/clobbers.hpp"
#include "prefix/owners.hpp"

namespace hpcenv::prefix {

struct ChangeDraft {
  ChangeRecord record;            ///< its steps; nothing else of it
  std::vector<std::string> kept;  ///< the user's files that are moved aside, relative
};

/// Compares new/ with the prefix, name by name. Reads only. Kind refused: a link in the prefix that
/// leads out of it where something has to change, a path of a package that stays in the way of a
/// directory or below the place of a file.
Result<ChangeDraft> draft_change(const Workplace& work, const Owners& owners,
                                 const ClobberPlan& clobbers);

}  // namespace hpcenv::prefix
