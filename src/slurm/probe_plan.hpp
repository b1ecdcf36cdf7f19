// Which jobs a probe takes: what was asked for against what the site shows. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "slurm/probe_ladder.hpp"
#include "slurm/probe_request.hpp"

namespace hpcenv::slurm {

struct ProbePlan {
  ProbeRequest request;         ///< completed: GPUs and their type as the nodes have them
  std::vector<NodeKind> kinds;  ///< that the jobs may land on; at least one
  std::string arch;             ///< of all of them; empty: none has said
  ProbeChoices choices;
  bool gpus_of_slurm = false;  ///< the count was not asked for but seen
  bool type_of_slurm = false;
  std::vector<std::string> notes;
};

struct ProbeWish {
  ProbeRequest request;
  bool says_gpus = false;
  std::string job_time;  ///< that jobs will get; checked against the partition's limit
};

/// Kind not_found: an unknown partition; refused: one that is down, whose limits or accounts do not
/// admit the job, without such nodes, or with nodes of several processors. Hints name the option.
Result<ProbePlan> plan_probe(const ProbeWish& wish, const SiteProfile& site);

/// A request for each node, or for each kind of node, from the one that the site takes. Where nodes
/// may not be asked for by name, kinds are told apart by their features.
enum class NodesBy { name, constraint };
std::vector<ProbeRequest> requests_for_nodes(const ProbeRequest& taken, const ProbePlan& plan);
std::vector<ProbeRequest> requests_for_kinds(const ProbeRequest& taken, const ProbePlan& plan,
                                             NodesBy by);

}  // namespace hpcenv::slurm
