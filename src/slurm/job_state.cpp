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

// Up to the next NAME=: a path may hold blanks. Newer versions show patterns as they were given.
std::string log_of(std::string_view line) {
  constexpr std::string_view name = " StdOut=";
  const std::size_t at = line.find(name);
  if (at == std::string_view::npos) return "";
  std::string_view rest = line.substr(at + name.size());
  for (std::size_t blank = rest.find(' '); blank != std::string_view::npos;
       blank = rest.find(' ', blank + 1)) {
    const std::string_view word = rest.substr(blank + 1, rest.find(' ', blank + 1) - blank - 1);
    const std::size_t equals = word.find('=');
    const bool is_name = equals != std::string_view::npos && equals > 0 &&
                         word.substr(0, equals).find_first_of("/.%") == std::string_view::npos;
    if (is_name) {
      rest = rest.substr(0, blank);
      break;
    }
  }
  std::string path = base::replace_all(std::string(base::trim(rest)), "%j", field(line, "JobId="));
  path = base::replace_all(std::move(path), "%A", field(line, "JobId="));
  path = base::replace_all(std::move(path), "%x", field(line, " JobName="));
  return path == "/dev/null" || path.find('%') != std::string::npos ? "" : path;
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
  // Slurm's own word for a lost node: 24.11 shows it as signal 1, which nothing got.
  if (state == "NODE_FAIL") job.exit_code = 1;
  if (job.exit_code == 0 && state == "CANCELLED") job.exit_code = killed_by + terminated;
  if (job.exit_code == 0 && state != "COMPLETED") job.exit_code = 1;
  return job;
}

// An array is finished when all of it is.
void add_task(std::optional<JobState>& all, const JobState& task) {
  const bool is_worse = all && all->finished && (!task.finished || task.exit_code > all->exit_code);
  if (!all || is_worse) all = task;
}

}  // namespace

std::optional<JobState> parse_scontrol_job(std::string_view text) {
  std::optional<JobState> all;
  int count = 0;
  for (const std::string_view line : base::split_lines(text)) {
    const std::string_view state = field(line, " JobState=");
    if (state.empty()) continue;
    JobState job = state_of(state, field(line, " ExitCode="));
    job.reason = field(line, " Reason=");
    job.log = log_of(line);
    add_task(all, job);
    if (++count > 1) all->log.clear();
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

}  // namespace hpcenv::slurm
