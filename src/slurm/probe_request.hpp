// The job that looks at a node for a target: what sbatch is asked, and for which nodes. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "slurm/reach.hpp"
#include "slurm/site.hpp"

namespace hpcenv::slurm {

/// How GPUs are asked for; sites take one of them and refuse others.
enum class GpuSpelling { gres_type, gres, gpus_per_node, gpus, none };
/// The value of ReachField::gpu_option.
std::string_view name_of(GpuSpelling spelling);

struct ProbeRequest {
  std::string partition;  ///< empty: the site routes
  std::string account;
  std::string qos;
  std::string constraint;
  std::string node;        ///< by name; empty: any
  std::string time = "5";  ///< as sbatch takes it
  std::uint64_t gpus = 0;  ///< on the node
  std::string gpu_type;    ///< empty: any
  GpuSpelling spelling = GpuSpelling::gres_type;
  bool says_tasks = true;            ///< --ntasks=1
  bool whole_node = false;           ///< --exclusive
  std::string memory;                ///< empty: not said
  std::vector<std::string> options;  ///< further ones, as given
};

/// One word each; for the command line, since SBATCH_* variables beat the lines of a script.
std::vector<std::string> probe_options(const ProbeRequest& request);

/// Nodes that are alike as far as Slurm knows.
struct NodeKind {
  std::string gres;  ///< without sockets: "gpu:a100:2"
  std::vector<std::string> features;
  std::string arch;
  std::vector<std::string> nodes;  ///< usable ones
};
/// Of a partition, or of all nodes where it is empty; those that fit a constraint of plain features
/// with `&` between (any other is passed over), and that have at least the GPUs asked for. Nodes
/// that are down are left out.
std::vector<NodeKind> node_kinds(const SiteProfile& site, const ProbeRequest& wanted);

/// The features that tell this kind from the others, with `&` between; empty where none do or where
/// another kind has all of them too.
std::string constraint_for(const NodeKind& kind, const std::vector<NodeKind>& all);
/// Both have to hold.
std::string both_constraints(const std::string& one, const std::string& other);

/// Partitions for short jobs (debug, dev, test, short, express; at most three hours) that hold
/// nodes of these kinds and no others, open to everybody who may use `partition`.
std::vector<std::string> short_queues(const SiteProfile& site, std::string_view partition,
                                      const std::vector<NodeKind>& kinds);
/// The same among the QOS of the user's accounts.
std::vector<std::string> short_qos(const SiteProfile& site);

/// What the user asked for and Slurm shows, as the fields of a target: `asked` came from options.
Reach reach_of(const ProbeRequest& request, const SiteProfile& site, std::int64_t now);
/// The other way, for a target that is probed again. `gpus` keeps what the target says.
ProbeRequest request_of(const Reach& reach);

}  // namespace hpcenv::slurm
