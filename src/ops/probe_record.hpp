// What a probe wants to know, what its jobs answered, and the target that comes of it. Lies in the
// probe's folder, so that whoever comes first can finish it: the command that waits, a job of the
// probe, or a later command.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "ops/probe_place.hpp"
#include "slurm/node_sight.hpp"
#include "slurm/reach.hpp"

namespace hpcenv::ops {

struct ProbeRecord {
  std::string target;
  std::filesystem::path directory;  ///< of target files
  std::string mode;                 ///< "one", "per-feature", "all-nodes"
  slurm::Reach reach;               ///< as far as it is known before a job runs
  std::vector<Token> tokens;        ///< the first one lies in `directory`
  std::vector<std::string> jobs;
  std::map<std::string, std::string> addresses;  ///< NodeAddr by node
  std::string partition;
  std::string local_disk;  ///< TmpFS
  std::string url;         ///< of a channel
};

/// Into FOLDER/JOB/request.json of each job; those folders are made, 0700. Written last: a job that
/// has started waits for it.
Result<> write_record(const ProbeRecord& record, const std::filesystem::path& folder);
Result<ProbeRecord> read_record(const std::filesystem::path& job_folder);

/// FOLDER/JOB/sight.json: the job's answer.
Result<> write_sight(const slurm::NodeSight& sight, const std::filesystem::path& job_folder);
bool has_sight(const std::filesystem::path& job_folder);

struct ProbeOutcome {
  enum class State {
    waiting,  ///< not all jobs have answered
    written,  ///< the target is there
    failed,   ///< no job answered, or the target could not be written: `problem`
  };
  State state = State::waiting;
  std::string target;
  std::string file;                   ///< the target's
  std::vector<std::string> warnings;  ///< what the user may not have meant
  std::vector<std::string> changes;   ///< against what the target said before
  std::string problem;
};

/// Writes the target when all jobs have answered or are in `ended` (with how they did), once;
/// whoever asks later gets the same outcome.
Result<ProbeOutcome> settle(const std::filesystem::path& folder, const ProbeRecord& record,
                            const std::map<std::string, std::string>& ended,
                            const base::Clock& clock);

}  // namespace hpcenv::ops
