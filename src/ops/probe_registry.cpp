#include "ops/probe_registry.hpp"

#include <unistd.h>

#include <chrono>
#include <optional>

#include "base/fs.hpp"
#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "ops/node_sight.hpp"
#include "ops/probe_jobs.hpp"
#include "ops/slurm_target.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;
using State = ProbeOutcome::State;

constexpr std::int64_t week = std::int64_t{7} * 86400;
constexpr int request_patience = 240;  ///< quarters of a second

fs::path registry(const Locations& locations) { return locations.state / "probes"; }

struct Registered {
  fs::path file;
  fs::path folder;
  std::string target;
  std::string job;
  std::int64_t since = 0;
};

std::optional<Registered> read_registered(const fs::path& file) {
  const auto text = base::read_file(file);
  const auto json =
      text ? base::parse_json(*text, file.native()) : Result<base::Json>(Failure(text.error()));
  if (!json || !json->is_object()) return std::nullopt;
  return Registered{file, base::string_or(*json, "folder"), base::string_or(*json, "target"),
                    base::string_or(*json, "job"), base::integer_or(*json, "since")};
}

void forget(const Registered& probe, const ProbeRecord* record) {
  if (record != nullptr) remove_tokens(record->tokens);
  unlink(probe.file.c_str());
  static_cast<void>(base::remove_tree(probe.folder));
}

// Jobs that have ended without an answer.
std::map<std::string, std::string> ended_jobs(const Registered& probe, const ProbeRecord& record,
                                              const LocalSeams& seams) {
  std::map<std::string, std::string> ended;
  ProbeJobs jobs(seams.runner, seams.reader.environment());
  for (const std::string& job : record.jobs) {
    if (has_sight(probe.folder / job)) continue;
    const auto now = jobs.look(job);
    if (now && now->state.finished) ended.emplace(job, now->state.state);
  }
  return ended;
}

std::string sentence_of(const ProbeOutcome& outcome, const std::string& job) {
  if (outcome.state == State::failed) {
    return fmt::format("Target {} was not made: {}", outcome.target, outcome.problem);
  }
  std::string text = fmt::format("Target {} is there: job {} has run", outcome.target, job);
  for (const std::string& change : outcome.changes) text += "; " + change;
  for (const std::string& warning : outcome.warnings) text += "; " + warning;
  return text;
}

std::string pick_up(const Registered& probe, const LocalSeams& seams) {
  const auto record = read_record(probe.folder / probe.job);
  if (!record) {
    forget(probe, nullptr);
    return fmt::format("Target {} was not made: what job {} left is gone", probe.target, probe.job);
  }
  const auto outcome =
      settle(probe.folder, *record, ended_jobs(probe, *record, seams), seams.clock);
  const bool is_old = seams.clock.now() - probe.since > week;
  if (!outcome || outcome->state == State::waiting) {
    if (!is_old) return "";
    forget(probe, &*record);
    return fmt::format("Target {} was not made: job {} has not run for a week", probe.target,
                       probe.job);
  }
  forget(probe, &*record);
  return sentence_of(*outcome, probe.job);
}

// The command that submitted this job writes it a moment later.
Result<ProbeRecord> wait_for_record(const fs::path& job_folder, const base::Clock& clock) {
  for (int round = 0;; ++round) {
    auto record = read_record(job_folder);
    if (record || record.error().kind != ErrorKind::not_found || round == request_patience) {
      return record;
    }
    HPCENV_TRY(base::check_interrupt());
    clock.sleep(std::chrono::milliseconds(250));
  }
}

}  // namespace

Result<> register_probe(const Locations& locations, const ProbeRecord& record,
                        const fs::path& folder) {
  HPCENV_TRY(base::make_directories(registry(locations)));
  base::Json json;
  json["folder"] = folder.native();
  json["target"] = record.target;
  json["job"] = record.jobs.front();
  json["since"] = base::SystemClock().now();
  return base::write_file(registry(locations) / (record.jobs.front() + ".json"),
                          base::dump_json(json), 0600);
}

void unregister_probe(const Locations& locations, const ProbeRecord& record) {
  if (record.jobs.empty()) return;
  unlink((registry(locations) / (record.jobs.front() + ".json")).c_str());
}

std::vector<std::string> pick_up_probes(const Locations& locations, const LocalSeams& seams) {
  std::vector<std::string> sentences;
  const auto names = base::list_directory(registry(locations));
  if (!names) return sentences;
  for (const std::string& name : *names) {
    if (!name.ends_with(".json")) continue;
    const auto probe = read_registered(registry(locations) / name);
    if (!probe || !is_probe_folder(probe->folder) || probe->job.empty()) continue;
    std::string sentence = pick_up(*probe, seams);
    if (!sentence.empty()) sentences.push_back(std::move(sentence));
  }
  return sentences;
}

Result<> answer_probe(const fs::path& job_folder, const net::HttpOptions& network,
                      const LocalSeams& seams) {
  HPCENV_ASSIGN(const ProbeRecord record, wait_for_record(job_folder, seams.clock));
  SightRequest request;
  request.tokens = record.tokens;
  request.local_disk = record.local_disk;
  request.url = record.url;
  request.network = network;
  const auto address =
      record.addresses.find(seams.reader.environment().get_or("SLURMD_NODENAME", ""));
  if (address != record.addresses.end()) request.slurm_address = address->second;
  HPCENV_ASSIGN(slurm::NodeSight sight, look_at_node(request, seams));
  // Where targets lie is nothing that jobs work in.
  const bool sees_targets = std::erase(sight.visible, record.directory.native()) > 0;
  HPCENV_TRY(write_sight(sight, job_folder));
  if (!sees_targets) return {};
  HPCENV_ASSIGN(const ProbeOutcome outcome,
                settle(job_folder.parent_path(), record, {}, seams.clock));
  return outcome.state == State::failed ? fail(ErrorKind::io, "{}", outcome.problem) : Result<>{};
}

}  // namespace hpcenv::ops
