// What goes into an image: an environment's packages, or those that wishes choose, unpacked in the
// package cache.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ops/change.hpp"
#include "ops/locations.hpp"
#include "ops/seams.hpp"
#include "prefix/plan.hpp"

namespace hpcenv::ops {

struct ImageContents {
  std::string name;                  ///< of the environment in the image
  prefix::Plan plan;                 ///< all packages in an order in which they can be linked
  std::string subdir;                ///< the platform
  std::vector<std::string> notes;    ///< for the user, a sentence each
  std::vector<std::string> unowned;  ///< files of the environment that no package brought
};

using ContentsOutcome = std::variant<ImageContents, solve::Conflict>;

/// The packages of an environment that is there. Kind refused for one without packages.
Result<ImageContents> contents_of(const EnvironmentRef& environment, const std::string& name);
/// What `hpcenv create` would install; nothing is installed, nothing fetched. `choice.prefix` names
/// a place where nothing is.
Result<ContentsOutcome> contents_chosen(const ChangeRequest& choice, const std::string& name,
                                        const Locations& locations, const Seams& seams);

/// All packages unpacked; what no cache holds is fetched. Kind no_space, before anything is
/// fetched, where there is no room for the archives.
Result<std::vector<conda::UnpackedPackage>> unpacked_contents(ImageContents& contents,
                                                              const ChangeRequest& choice,
                                                              const Locations& locations,
                                                              const Seams& seams);

}  // namespace hpcenv::ops
