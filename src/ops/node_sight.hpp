// In the job of a probe: looks at the node that it got.
#pragma once

#include <string>
#include <vector>

#include "net/http.hpp"
#include "ops/probe_place.hpp"
#include "ops/seams.hpp"
#include "slurm/node_sight.hpp"

namespace hpcenv::ops {

struct SightRequest {
  std::vector<Token> tokens;
  std::string slurm_address;  ///< NodeAddr of this node
  std::string local_disk;     ///< TmpFS of the cluster
  std::string url;            ///< of a channel
  net::HttpOptions network;
};

/// Never fails for what the node lacks. Takes 3 s for the network at most, and what a profile
/// takes.
Result<slurm::NodeSight> look_at_node(const SightRequest& request, const LocalSeams& seams);

/// A disk of the node that jobs may write to, in order of trust: variables that the site sets for
/// each job, TMPDIR where it is the job's own, known folders, the cluster's TmpFS, /tmp.
void find_local_disk(const std::string& cluster_disk, const base::Environment& environment,
                     slurm::NodeSight& sight);

}  // namespace hpcenv::ops
