// What a node shows of its file systems: plain values with a JSON round trip.
#pragma once

#include <string>

#include "base/fs.hpp"
#include "base/json_fwd.hpp"

namespace hpcenv::host {

struct MountFacts {
  std::string purpose;  ///< "home", "prefix", "package cache", "temporary files"
  std::string path;
  base::FileSystemFacts facts;
};

base::Json mount_to_json(const MountFacts& mount);
/// Members that are missing or of another type keep their defaults.
MountFacts mount_from_json(const base::Json& value);

}  // namespace hpcenv::host
