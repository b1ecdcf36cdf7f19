// A target made by jobs: Slurm is asked for the nodes, this program looks at them there.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "net/http.hpp"
#include "ops/locations.hpp"
#include "ops/probe_record.hpp"
#include "ops/seams.hpp"
#include "slurm/probe_ladder.hpp"
#include "slurm/probe_request.hpp"
#include "slurm/reach.hpp"

namespace hpcenv::ops {

enum class ProbeMode { one, per_feature, all_nodes };
/// "one", "per-feature", "all-nodes".
std::string_view name_of(ProbeMode mode);

struct SlurmTargetRequest {
  std::string name;
  std::filesystem::path directory;  ///< of target files
  slurm::ProbeRequest probe;
  bool says_gpus = false;  ///< else one is asked for where all nodes have some
  slurm::Reach stored;     ///< of a target that is looked at again; what is given beside the probe
  ProbeMode mode = ProbeMode::one;
  std::chrono::seconds patience{120};  ///< in the foreground
  std::string url;                     ///< of a channel, for whether nodes reach it
  std::string version;
  std::string command;  ///< that the user would repeat with one option more
  /// Asks for a field; kind not_found where nobody can be asked.
  std::function<Result<std::string>(slurm::ReachField field, const std::vector<std::string>& known)>
      ask;
};

struct SlurmTargetAnswer {
  ProbeOutcome outcome;            ///< waiting: the jobs are left queued
  std::vector<std::string> jobs;   ///< their ids
  std::string start;               ///< when Slurm expects the first to start; may be empty
  std::string reason;              ///< why it waits
  std::vector<std::string> notes;  ///< what was chosen or learnt on the way
};

/// Kind not_found: no Slurm, no such partition, no such nodes. network: no controller. refused:
/// sbatch takes none of the requests, the jobs can never start, the processor is another one, or no
/// node answered: then nothing is written, queued or left. An interrupt cancels the jobs.
Result<SlurmTargetAnswer> make_slurm_target(const SlurmTargetRequest& request,
                                            const Locations& locations, const LocalSeams& seams);

/// In a job: looks at the node and writes the answer; finishes the target where it is the last and
/// sees where targets lie.
Result<> answer_probe(const std::filesystem::path& job_folder, const net::HttpOptions& network,
                      const LocalSeams& seams);

/// Finishes targets whose jobs have run since they were left queued; one sentence for each that
/// came to an end.
std::vector<std::string> pick_up_probes(const Locations& locations, const LocalSeams& seams);

}  // namespace hpcenv::ops
