#include "ops/submit.hpp"

#include <sys/stat.h>

#include <array>
#include <chrono>

#include "base/fs.hpp"
#include "base/interrupt.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "ops/look_before.hpp"
#include "slurm/job_script.hpp"
#include "slurm/job_state.hpp"
#include "slurm/refusal.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

struct Slurm {
  base::ProcessRunner& runner;
  base::Environment environment;
  fs::path directory;
};

Result<base::ProcessResult> call(const Slurm& slurm, std::vector<std::string> argv,
                                 std::chrono::milliseconds deadline) {
  base::ProcessRequest request;
  request.argv = std::move(argv);
  request.environment = slurm.environment;
  request.directory = slurm.directory;
  request.deadline = deadline;
  return slurm.runner.run(request);
}

struct Named {
  std::string slurm::JobRequest::* member;
  slurm::RefusalTopic topic;
};
constexpr std::array named_options{
    Named{&slurm::JobRequest::account, slurm::RefusalTopic::account},
    Named{&slurm::JobRequest::qos, slurm::RefusalTopic::qos},
    Named{&slurm::JobRequest::partition, slurm::RefusalTopic::partition},
};

/// A partition that was named is not what a rule for that partition asks for.
Failure refused(const std::string& errors, const slurm::JobRequest& job) {
  const slurm::Refusal refusal = slurm::explain_refusal(errors);
  std::vector<slurm::RefusalTopic> given;
  for (const Named& option : named_options) {
    if (!(job.*option.member).empty()) given.push_back(option.topic);
  }
  const bool unreachable =
      !refusal.topics.empty() && refusal.topics.front() == slurm::RefusalTopic::unreachable;
  return fail_hint(unreachable ? ErrorKind::network : ErrorKind::refused,
                   "Slurm refuses the job: " + refusal.reason,
                   slurm::advice_beside(refusal, given));
}

std::vector<std::string> sbatch_line(std::vector<std::string> words, const slurm::JobRequest& job,
                                     const fs::path& script) {
  words.insert(words.begin(), "sbatch");
  for (std::string& word : slurm::sbatch_words(job)) words.push_back(std::move(word));
  words.push_back(script.native());
  return words;
}

// The directory that holds the script is removed unless the job was submitted.
class ScriptCopy {
 public:
  explicit ScriptCopy(fs::path directory) : directory_(std::move(directory)) {}
  ScriptCopy(const ScriptCopy&) = delete;
  ScriptCopy& operator=(const ScriptCopy&) = delete;
  ~ScriptCopy() {
    if (!directory_.empty()) (void)base::remove_tree(directory_);
  }
  fs::path script() const { return directory_ / "job.sh"; }
  // Job ids start again where a site reinstalls Slurm: the new job wins.
  fs::path keep_as(const std::string& job_id) {
    const fs::path kept = directory_.parent_path() / job_id;
    (void)base::remove_tree(kept);
    if (!base::rename_path(directory_, kept)) return script();
    directory_.clear();
    return kept / "job.sh";
  }

 private:
  fs::path directory_;
};

/// Patterns name files that only Slurm knows.
LogBefore log_before(const SubmitRequest& request) {
  LogBefore before;
  before.appended = request.job.requeue.has_value() ||
                    slurm::further_option(request.job, "--open-mode", "--open-mode") == "append";
  struct stat found{};
  const fs::path file = request.working_directory / request.job.output;
  if (request.job.output.empty() || stat(file.c_str(), &found) != 0) return before;
  before.size = found.st_size;
  before.changed = found.st_mtim.tv_sec * 1'000'000'000 + found.st_mtim.tv_nsec;
  return before;
}

Result<SubmitOutcome> hand_over(const Slurm& slurm, const SubmitRequest& request,
                                ScriptCopy& copy) {
  SubmitOutcome outcome;
  outcome.log_before = log_before(request);
  HPCENV_ASSIGN(
      const base::ProcessResult test,
      call(slurm, sbatch_line({"--test-only"}, request.job, copy.script()), seconds(120)));
  if (!test.succeeded()) return refused(test.errors, request.job);
  outcome.expected_start = slurm::expected_start(test.errors);
  HPCENV_TRY(base::check_interrupt());
  HPCENV_ASSIGN(const base::ProcessResult submitted,
                call(slurm, sbatch_line({"--parsable"}, request.job, copy.script()), seconds(120)));
  if (submitted.end == base::ProcessResult::End::timed_out) {
    return fail_hint(ErrorKind::network,
                     "sbatch did not come back; the job may have been submitted all the same",
                     "`squeue --me` shows your jobs");
  }
  if (!submitted.succeeded()) return refused(submitted.errors, request.job);
  const auto id = slurm::parse_submitted_id(submitted.output);
  if (!id) {
    return fail_hint(
        ErrorKind::refused,
        fmt::format("cannot read the job id that sbatch printed: {}", base::trim(submitted.output)),
        "the job was submitted; `squeue --me` shows your jobs");
  }
  outcome.job_id = id->id;
  outcome.cluster = id->cluster;
  outcome.script = copy.keep_as(id->id);
  return outcome;
}

/// What the user set for sbatch stays, but for what would overrule an option or keep sbatch from
/// handing the id on.
Slurm slurm_for(const SubmitRequest& request, const LocalSeams& seams) {
  Slurm slurm{seams.runner, seams.reader.environment(), request.working_directory};
  slurm.environment.unset("SBATCH_WAIT");
  for (const std::string& name : slurm::overruled_variables(request.job, "SBATCH_")) {
    slurm.environment.unset(name);
  }
  return slurm;
}

}  // namespace

Result<SubmitOutcome> submit(const SubmitRequest& request, const LocalSeams& seams) {
  HPCENV_ASSIGN(std::vector<std::string> warnings, look_before(request, seams));
  HPCENV_TRY(check_output(request, seams.reader.environment()));
  const fs::path jobs = request.state / "jobs";
  HPCENV_TRY(base::make_directories(jobs));
  HPCENV_ASSIGN(fs::path directory, base::make_private_directory(jobs, "new-"));
  ScriptCopy copy(std::move(directory));
  HPCENV_TRY(
      base::write_file(copy.script(), slurm::job_script(request.job, request.activation), 0700));
  HPCENV_ASSIGN(SubmitOutcome outcome, hand_over(slurm_for(request, seams), request, copy));
  outcome.warnings = std::move(warnings);
  return outcome;
}

}  // namespace hpcenv::ops
