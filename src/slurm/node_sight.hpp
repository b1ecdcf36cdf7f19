// What the probe of a target saw on a node beside its profile. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json_fwd.hpp"
#include "base/result.hpp"
#include "host/node_profile.hpp"
#include "slurm/reach.hpp"

namespace hpcenv::slurm {

struct NetInterface {
  std::string name;     ///< "ib0"
  std::string address;  ///< IPv4
  bool up = false;
};

struct NodeSight {
  std::string node;      ///< Slurm's name of it
  std::string job;       ///< that looked
  std::string ran_from;  ///< the folder that the program was started in
  host::NodeProfile profile;
  std::vector<std::string> visible;  ///< directories of the submitting host that are the same here
  std::string local;                 ///< a disk of the node: "$TMPDIR", "/local"
  std::uint64_t local_bytes = 0;     ///< free
  bool local_is_ram = false;
  std::vector<NetInterface> interfaces;
  std::string own_address;    ///< what the resolver says of the node's own host name
  std::string slurm_address;  ///< and of Slurm's address for it
  std::string suffix;         ///< of a name (NAMEi) whose address works where the own does not
  std::string net;            ///< "direct", "none", "proxy": the channel host's
};

base::Json sight_to_json(const NodeSight& sight);
/// Kind refused where it holds no profile.
Result<NodeSight> sight_from_json(const base::Json& value, std::string_view name);

/// The interface that other nodes reach this one over: InfiniBand's or Slingshot's where one is up,
/// else the one that has Slurm's address, if it is up. Empty where nothing tells.
std::string interface_of(const NodeSight& sight);

/// Sets what all of these nodes have in common: arch, local disk (the smallest), workdir, net (the
/// worst), interface, suffix. Source probe; what the user or the site wrote stays.
void learn_from_nodes(const std::vector<NodeSight>& sights, std::int64_t now, Reach& reach);

/// One profile for each kind: same GPUs, driver, processor and glibc. The first of each stays.
std::vector<host::NodeProfile> distinct_profiles(const std::vector<NodeSight>& sights);

/// "535.261.03 (gpu01), 580.65.06 (gpu02)", lowest first; empty where all are the
/// same.
std::string drivers_text(const std::vector<NodeSight>& sights);

}  // namespace hpcenv::slurm
