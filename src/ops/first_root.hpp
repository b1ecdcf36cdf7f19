// Where environments and packages go when nobody has said it: chosen once, by room on the disks of
// the site (design.md section 8).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/process.hpp"
#include "host/quota.hpp"

namespace hpcenv::ops {

struct RootPlace {
  std::filesystem::path root;  ///< where it would go
  std::string named_by;        ///< "home", "$WORK"
  host::Room room;
  enum class Kept { for_good, until_purged };
  Kept kept = Kept::for_good;  ///< until_purged: a scratch directory
};

struct RootChoice {
  std::vector<RootPlace> places;  ///< the best first; not empty
  bool home_is_enough = true;     ///< then it is the first
  std::string reason;             ///< one sentence, where home is not enough
};

/// Home where it has room for some environments; else what the site keeps for good; else its
/// scratch directories; where nothing has enough, the roomiest. `places` holds home first.
RootChoice choose_root(std::vector<RootPlace> places);

/// Home and the directories that the site's variables name ($WORK, $PROJECT, $SCRATCH, ...), as far
/// as this user can write there; with their free space and quota.
std::vector<RootPlace> root_places(const std::filesystem::path& default_root,
                                   const base::Environment& environment,
                                   base::ProcessRunner& runner);

}  // namespace hpcenv::ops
