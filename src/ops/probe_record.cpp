#include "ops/probe_record.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <set>

#include "base/file_lock.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "host/target_store.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;
using base::Json;

constexpr std::int64_t format = 1;
constexpr std::chrono::seconds lock_patience{20};

Json to_json(const ProbeRecord& record) {
  Json json;
  json["format"] = format;
  json["target"] = record.target;
  json["directory"] = record.directory.native();
  json["mode"] = record.mode;
  json["reach"] = slurm::reach_to_json(record.reach);
  json["jobs"] = record.jobs;
  json["addresses"] = record.addresses;
  json["partition"] = record.partition;
  json["local_disk"] = record.local_disk;
  json["url"] = record.url;
  json["tokens"] = Json::array();
  for (const Token& token : record.tokens) {
    json["tokens"].push_back({{"directory", token.directory.native()}, {"name", token.name}});
  }
  return json;
}

Json to_json(const ProbeOutcome& outcome) {
  Json json;
  json["written"] = outcome.state == ProbeOutcome::State::written;
  json["target"] = outcome.target;
  json["file"] = outcome.file;
  json["warnings"] = outcome.warnings;
  json["changes"] = outcome.changes;
  json["problem"] = outcome.problem;
  return json;
}

Result<ProbeOutcome> read_outcome(const fs::path& file) {
  HPCENV_ASSIGN(const std::string text, base::read_file(file));
  HPCENV_ASSIGN(const Json json, base::parse_json(text, file.native()));
  ProbeOutcome outcome;
  const auto written = json.find("written");
  const bool is_written = written != json.end() && written->is_boolean() && written->get<bool>();
  outcome.state = is_written ? ProbeOutcome::State::written : ProbeOutcome::State::failed;
  outcome.target = base::string_or(json, "target");
  outcome.file = base::string_or(json, "file");
  outcome.warnings = base::strings_or_empty(json, "warnings");
  outcome.changes = base::strings_or_empty(json, "changes");
  outcome.problem = base::string_or(json, "problem");
  return outcome;
}

Result<slurm::NodeSight> read_sight(const fs::path& job_folder) {
  const fs::path file = job_folder / "sight.json";
  HPCENV_ASSIGN(const std::string text, base::read_file(file));
  HPCENV_ASSIGN(const Json json, base::parse_json(text, file.native()));
  return slurm::sight_from_json(json, file.native());
}

std::string last_words(const fs::path& output) {
  const auto text = base::read_file(output);
  if (!text) return "";
  const auto lines = base::split_lines(base::trim(*text));
  return lines.empty() ? "" : std::string(base::trim(lines.back()));
}

std::string driver_text(const host::NodeProfile& node) {
  return node.nvidia.kernel_module.empty() ? "none" : node.nvidia.kernel_module;
}

// The set of values that nodes have of one fact.
std::string values_text(const std::vector<host::NodeProfile>& nodes,
                        std::string (*value)(const host::NodeProfile&)) {
  std::set<std::string> values;
  for (const host::NodeProfile& node : nodes) values.insert(value(node));
  return base::join(std::vector<std::string>(values.begin(), values.end()), ", ");
}

struct Compared {
  const char* name;
  std::string (*value)(const host::NodeProfile&);
};
constexpr std::array compared{
    Compared{"driver", driver_text},
    Compared{
        "CUDA",
        [](const host::NodeProfile& node) { return host::cuda_version_of(node).value_or("none"); }},
    Compared{"glibc", [](const host::NodeProfile& node) { return node.glibc; }},
    Compared{"kernel", [](const host::NodeProfile& node) { return node.kernel; }},
    Compared{"processor", [](const host::NodeProfile& node) { return node.cpu; }},
};

std::vector<std::string> changes_between(const std::vector<host::NodeProfile>& before,
                                         const std::vector<host::NodeProfile>& now) {
  std::vector<std::string> changes;
  for (const auto& [name, value] : compared) {
    const std::string old_text = values_text(before, value);
    const std::string new_text = values_text(now, value);
    if (old_text != new_text)
      changes.push_back(fmt::format("{} {} -> {}", name, old_text, new_text));
  }
  return changes;
}

struct Answers {
  std::vector<slurm::NodeSight> sights;
  std::vector<std::string> silent;    ///< jobs that have not answered and may yet
  std::vector<std::string> problems;  ///< of those that never will
};

Answers answers_of(const fs::path& folder, const ProbeRecord& record,
                   const std::map<std::string, std::string>& ended) {
  Answers answers;
  for (const std::string& job : record.jobs) {
    auto sight = read_sight(folder / job);
    if (sight) {
      answers.sights.push_back(*std::move(sight));
    } else if (sight.error().kind != ErrorKind::not_found) {
      answers.problems.push_back(sight.error().message);
    } else if (const auto end = ended.find(job); end != ended.end()) {
      const std::string words = last_words(folder / (job + ".out"));
      answers.problems.push_back(fmt::format("job {} ended without an answer{}{}", job,
                                             end->second.empty() ? "" : " (" + end->second + ")",
                                             words.empty() ? "" : ": " + words));
    } else {
      answers.silent.push_back(job);
    }
  }
  return answers;
}

std::vector<std::string> warnings_of(const ProbeRecord& record, const Answers& answers) {
  std::vector<std::string> warnings = answers.problems;
  const std::string drivers = slurm::drivers_text(answers.sights);
  if (!drivers.empty()) {
    warnings.push_back(fmt::format(
        "the nodes of {} have several drivers: {}; the lowest counts",
        record.partition.empty() ? record.target : "partition " + record.partition, drivers));
  }
  for (const Token& token : record.tokens) {
    if (token.directory == record.directory) continue;
    std::vector<std::string> blind;
    for (const slurm::NodeSight& sight : answers.sights) {
      const auto& seen = sight.visible;
      if (std::ranges::find(seen, token.directory.native()) == seen.end()) {
        blind.push_back(sight.node);
      }
    }
    if (blind.empty()) continue;
    warnings.push_back(
        fmt::format("{} is not mounted on {}: an environment or a job's files there "
                    "would not be found",
                    token.directory.native(), base::join(blind, ", ")));
  }
  return warnings;
}

ProbeOutcome write_target(const ProbeRecord& record, const Answers& answers,
                          const base::Clock& clock) {
  ProbeOutcome outcome;
  outcome.target = record.target;
  outcome.state = ProbeOutcome::State::failed;
  if (answers.sights.empty()) {
    outcome.problem = answers.problems.empty() ? "no job was there to answer"
                                               : base::join(answers.problems, "; ");
    return outcome;
  }
  slurm::Reach reach = record.reach;
  slurm::learn_from_nodes(answers.sights, clock.now(), reach);
  host::ProbedTarget probed{slurm::distinct_profiles(answers.sights), slurm::reach_to_json(reach),
                            record.mode};
  const auto before = host::load_target(record.target, {record.directory}, "/");
  const auto stored = host::store_probed(record.target, probed, record.directory);
  if (!stored) {
    outcome.problem = stored.error().message;
    return outcome;
  }
  outcome.state = ProbeOutcome::State::written;
  outcome.file = stored->file.native();
  outcome.warnings = warnings_of(record, answers);
  if (before) outcome.changes = changes_between(before->nodes, stored->nodes);
  return outcome;
}

}  // namespace

Result<> write_record(const ProbeRecord& record, const fs::path& folder) {
  const std::string text = base::dump_json(to_json(record)) + "\n";
  for (const std::string& job : record.jobs) {
    const fs::path own = folder / job;
    if (mkdir(own.c_str(), 0700) != 0 && errno != EEXIST) {
      return fail_errno(errno, fmt::format("cannot make {}", own.native()));
    }
    HPCENV_TRY(base::write_file(own / "request.json", text, 0600));
  }
  return {};
}

Result<ProbeRecord> read_record(const fs::path& job_folder) {
  const fs::path file = job_folder / "request.json";
  HPCENV_ASSIGN(const std::string text, base::read_file(file));
  HPCENV_ASSIGN(const Json json, base::parse_json(text, file.native()));
  if (!json.is_object() || base::integer_or(json, "format") != format || !json.contains("reach")) {
    return fail(ErrorKind::refused, "{}: no request of a probe that this hpcenv reads",
                file.native());
  }
  ProbeRecord record;
  HPCENV_ASSIGN(record.reach, slurm::reach_from_json(json["reach"], file.native()));
  record.target = base::string_or(json, "target");
  record.directory = base::string_or(json, "directory");
  record.mode = base::string_or(json, "mode");
  record.jobs = base::strings_or_empty(json, "jobs");
  record.partition = base::string_or(json, "partition");
  record.local_disk = base::string_or(json, "local_disk");
  record.url = base::string_or(json, "url");
  const Json addresses = json.value("addresses", Json::object());
  for (const auto& [node, address] : addresses.items()) {
    if (address.is_string()) record.addresses[node] = address.get<std::string>();
  }
  const Json tokens = json.value("tokens", Json::array());
  for (const Json& token : tokens) {
    record.tokens.push_back({base::string_or(token, "directory"), base::string_or(token, "name")});
  }
  return record;
}

Result<> write_sight(const slurm::NodeSight& sight, const fs::path& job_folder) {
  return base::write_file(job_folder / "sight.json",
                          base::dump_json(slurm::sight_to_json(sight)) + "\n", 0600,
                          base::Durable::yes);
}

bool has_sight(const fs::path& job_folder) { return base::path_exists(job_folder / "sight.json"); }

Result<ProbeOutcome> settle(const fs::path& folder, const ProbeRecord& record,
                            const std::map<std::string, std::string>& ended,
                            const base::Clock& clock) {
  HPCENV_ASSIGN(const base::FileLock lock,
                base::FileLock::acquire(folder / ".lock", lock_patience));
  const fs::path file = folder / "outcome.json";
  if (base::path_exists(file)) return read_outcome(file);
  const Answers answers = answers_of(folder, record, ended);
  ProbeOutcome outcome;
  outcome.target = record.target;
  if (!answers.silent.empty()) return outcome;
  outcome = write_target(record, answers, clock);
  HPCENV_TRY(base::write_file(file, base::dump_json(to_json(outcome)) + "\n", 0600));
  return outcome;
}

}  // namespace hpcenv::ops
