// probe --capture: a machine as a folder.
#pragma once

#include <filesystem>

#include "host/node_profile.hpp"
#include "ops/locations.hpp"
#include "ops/seams.hpp"

namespace hpcenv::ops {

struct Captured {
  host::NodeProfile profile;  ///< as a reader of the folder will see it: masked
  std::size_t files = 0;
  std::uint64_t bytes = 0;
};

/// Probes this machine, runs those of the doctor's checks that need no environment, and writes all
/// that they read into `folder`: kind refused where that is there and not empty. Names of user and
/// host, paths of theirs and secrets are masked.
Result<Captured> capture_machine(const std::filesystem::path& folder, host::ProbeDepth depth,
                                 const Locations& locations, const LocalSeams& seams);

}  // namespace hpcenv::ops
