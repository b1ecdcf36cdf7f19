// Changes the files of targets. What others wrote into them (how to reach the nodes) stays.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "host/target.hpp"

namespace hpcenv::host {

enum class Storing {
  add,      ///< a node with a host name that the target has takes its place
  replace,  ///< the target has these nodes only
};

/// Into `directory`/NAME.json, which is made where it is missing; under a lock, since the nodes of
/// a job may all do it, written aside and renamed. Kind refused, with the file as it was, where
/// that cannot be read, and where the nodes are of different processors.
Result<Target> store_nodes(const std::string& name, const std::vector<NodeProfile>& nodes,
                           Storing storing, const std::filesystem::path& directory);

/// What jobs saw: takes the place of nodes, `reach` and `probed` that the target had; the rest of
/// the file stays. As `store_nodes` else.
struct ProbedTarget {
  std::vector<NodeProfile> nodes;
  base::Json reach;
  std::string probed;
};
Result<Target> store_probed(const std::string& name, const ProbedTarget& probed,
                            const std::filesystem::path& directory);

/// Takes a node out. Kind not_found where there is none of that name, refused where it is the only
/// one.
Result<Target> remove_node(const std::string& name, const std::string& hostname,
                           const std::filesystem::path& directory);

/// Kind not_found where there is none.
Result<> remove_target(const std::string& name, const std::filesystem::path& directory);

}  // namespace hpcenv::host
