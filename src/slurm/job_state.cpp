#include "slurm/job_state.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.hpp"

namespace hpcenv::slurm {
namespace {

constexpr int killed_by = 128;
constexpr int terminated = 15;

std::string_view field(std::string_view line, std::string_view name) {
  const std::size_t at = line.find(name);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = line.substr(at + name.size());
  return rest.substr(0, rest.find(' '));
}

// "7:0" is exit code 7, "0:15" is signal 15.
int exit_code_of(std::string_view text) {
  const auto parts = base::split(text, ':');
  const auto code = base::parse_unsigned(parts.front());
  const auto signal = parts.size() > 1 ? base::parse_unsigned(parts[1]) : std::nullopt;
  if (code && *code != 0) return static_cast<int>(*code & 0xffU);
  return signal && *signal != 0 ? killed_by + static_cast<int>(*signal & 0x7fU) : 0;
}

bool is_finished(std::string_view state) {
  constexpr std::array<std::string_view, 9> ends = {"COMPLETED", "FAILED",        "CANCELLED",
                                                    "TIMEOUT",   "NODE_FAIL",     "PREEMPTED",
                                                    "DEADLINE",  "OUT_OF_MEMORY", "BOOT_FAIL"};
  return std::ranges::find(ends, state) != ends.end();
}

JobState state_of(std::string_view state, std::string_view exit_code) {
  JobState job;
  job.state = state;
  job.finished = is_finished(state);
  if (!job.finished) return job;
  job.exit_code = exit_code_of(exit_code);
  if (job.exit_code == 0 && state == "CANCELLED") job.exit_code = killed_by + terminated;
  if (job.exit_code == 0 && state != "COMPLETED") job.exit_code = 1;
  return job;
}

// An array is finished when all of it is.
void add_task(std::optional<JobState>& all, const JobState& task) {
  const bool is_worse = all && all->finished && (!task.finished || task.exit_code > all->exit_code);
  if (!all || is_worse) all = task;
}

bool holds_word(const std::string& text, std::string_view words) {
  return std::ranges::any_of(base::split(words, '|'), [&](std::string_view word) {
    return text.find(word) != std::string::npos;
  });
}

struct Advice {
  const char* words;
  const char* text;
};

// The first row that fits speaks: what is more telling stands first.
constexpr std::array advices{
    Advice{"unable to contact slurm|communication connection failure",
           "the controller does not answer; try again later"},
    Advice{"account|project|budget|allocation code",
           "name the account with --account; `sacctmgr -nP show assoc user=$USER "
           "format=account,partition,qos` lists yours"},
    Advice{"qos",
           "name a quality of service with --qos, or leave it out; `sacctmgr -nP show assoc "
           "user=$USER format=qos` lists yours"},
    Advice{"partition|queue", "name the partition with --partition; `sinfo -s` lists them"},
    Advice{"time limit|timelimit|walltime|wall time|time_limit", "give another --time"},
    Advice{"--mem|memory",
           "give another --mem, or leave it out where the site ties it to "
           "processors or GPUs"},
    Advice{"gres|gpu",
           "ask for GPUs as the site wants it: --gpus TYPE:N, or "
           "--sbatch=--gpus-per-node=N in its place"},
    Advice{"exclusive|node count|--nodes",
           "give the option with --sbatch, e.g. "
           "--sbatch=--exclusive"},
    Advice{"node configuration",
           "no node has all that was asked for; `sinfo -N -o '%N %P %c %m "
           "%G %f'` shows what nodes have"},
    Advice{"", "the site's documentation says which options it asks for; give them with --sbatch"},
};

}  // namespace

std::optional<JobState> parse_scontrol_job(std::string_view text) {
  std::optional<JobState> all;
  for (const std::string_view line : base::split_lines(text)) {
    const std::string_view state = field(line, " JobState=");
    if (state.empty()) continue;
    JobState job = state_of(state, field(line, " ExitCode="));
    job.reason = field(line, " Reason=");
    add_task(all, job);
  }
  return all;
}

std::optional<JobState> parse_sacct_job(std::string_view text) {
  std::optional<JobState> all;
  for (const std::string_view line : base::split_lines(text)) {
    const auto fields = base::split(line, '|');
    if (fields.size() != 2) continue;
    // "CANCELLED by 1000"
    add_task(all, state_of(fields[0].substr(0, fields[0].find(' ')), fields[1]));
  }
  return all;
}

std::optional<SubmittedId> parse_submitted_id(std::string_view text) {
  std::optional<SubmittedId> found;
  for (const std::string_view line : base::split_lines(text)) {
    const auto parts = base::split(base::trim(line), ';');
    if (parts.size() > 2 || !base::parse_unsigned(parts.front())) continue;
    found = SubmittedId{std::string(parts.front()),
                        parts.size() == 2 ? std::string(parts[1]) : std::string()};
  }
  return found;
}

std::string expected_start(std::string_view test_only_text) {
  constexpr std::string_view before = " to start at ";
  const std::size_t at = test_only_text.find(before);
  if (at == std::string_view::npos) return "";
  const auto words = base::split_words(test_only_text.substr(at + before.size()));
  return words.empty() ? "" : std::string(words.front());
}

Refusal explain_refusal(std::string_view errors) {
  std::vector<std::string> sentences;
  for (std::string_view line : base::split_lines(errors)) {
    for (const std::string_view start : {"sbatch: ", "error: ", "allocation failure: "}) {
      if (line.starts_with(start)) line.remove_prefix(start.size());
    }
    line = base::trim(line);
    if (!line.empty()) sentences.emplace_back(line);
  }
  Refusal refusal;
  refusal.reason = base::join(sentences, "; ");
  const std::string lower = base::to_lower(refusal.reason);
  const auto* const found = std::ranges::find_if(
      advices, [&](const Advice& advice) { return holds_word(lower, advice.words); });
  refusal.advice = found->text;
  return refusal;
}

}  // namespace hpcenv::slurm
