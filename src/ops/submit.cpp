#include "ops/submit.hpp"

#include <unistd.h>

#include <chrono>

#include "base/fs.hpp"
#include "base/interrupt.hpp"
#include "base/text.hpp"
#include "slurm/job_script.hpp"
#include "slurm/refusal.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

constexpr std::size_t sinfo_limit = 64U << 20U;  ///< bytes: ten thousand nodes in many partitions

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
  request.output_limit = sinfo_limit;
  return slurm.runner.run(request);
}

Failure no_controller(const std::string& said) {
  return fail_hint(ErrorKind::network,
                   "Slurm's controller does not answer; nothing was submitted" +
                       (said.empty() ? std::string() : ": " + said),
                   "`scontrol ping` shows when it is back");
}

Result<> check_slurm(const Slurm& slurm) {
  if (!base::find_program("sbatch", slurm.environment)) {
    Error error{ErrorKind::not_found, "there is no Slurm here: sbatch is not in PATH", {}, {}};
    error.hints.emplace_back(
        "run this on a login node of the cluster; some want `module load "
        "slurm` first");
    error.hints.emplace_back("`hpcenv slurm script` writes the job script without Slurm");
    return Failure(std::move(error));
  }
  // sinfo takes 9 s and more to find out that the controller is down, ping a moment.
  if (!base::find_program("scontrol", slurm.environment)) return {};
  HPCENV_ASSIGN(const base::ProcessResult ping, call(slurm, {"scontrol", "ping"}, seconds(15)));
  if (ping.succeeded() || ping.output.find(" UP") != std::string::npos) return {};
  return no_controller(std::string(base::trim(ping.output.empty() ? ping.errors : ping.output)));
}

// A partition may be hidden from sinfo and still be ours to use.
bool scontrol_knows(const Slurm& slurm, const std::string& partition) {
  const auto shown = call(slurm, {"scontrol", "-o", "show", "partition", partition}, seconds(30));
  return shown && shown->succeeded();
}

Result<> check_site(const Slurm& slurm, const slurm::JobRequest& job,
                    std::vector<std::string>& warnings) {
  if (!base::find_program("sinfo", slurm.environment)) return {};
  HPCENV_ASSIGN(const base::ProcessResult shown,
                call(slurm, slurm::sinfo_arguments(), seconds(60)));
  if (!shown.succeeded()) return no_controller(std::string(base::trim(shown.errors)));
  const auto site = slurm::parse_sinfo(shown.output, "");
  if (!site) {
    warnings.push_back(site.error().message + "; partitions were not checked");
    return {};
  }
  const auto fits = slurm::validate_against_site(job, *site);
  if (!fits) {
    const bool unknown = fits.error().kind == ErrorKind::not_found;
    if (!unknown || !scontrol_knows(slurm, job.partition)) return fits;
  }
  for (std::string& warning : slurm::site_warnings(job, *site)) {
    warnings.push_back(std::move(warning));
  }
  return {};
}

// Slurm makes no directory for the output; the job would fail without leaving a word anywhere.
Result<> check_output(const SubmitRequest& request) {
  const fs::path output = request.job.output.empty() ? "slurm-%j.out" : request.job.output;
  const fs::path directory = (request.working_directory / output).parent_path();
  if (directory.native().find('%') != std::string::npos) return {};
  if (access(directory.c_str(), F_OK) != 0) {
    return fail_hint(
        ErrorKind::refused,
        fmt::format("the directory of the job's output does not exist: {}", directory.native()),
        fmt::format("mkdir -p {}", shell::quote_posix(directory.native())));
  }
  if (access(directory.c_str(), W_OK) != 0) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("the job cannot write its output to {}", directory.native()),
                     "submit from another directory, or name a file with --output");
  }
  return {};
}

// Lines of the head may bring programs that only a job has.
Result<> check_program(const SubmitRequest& request, const base::Environment& environment,
                       std::vector<std::string>& warnings) {
  const std::string& program = request.job.command.front();
  if (program.find('/') != std::string::npos) {
    const fs::path file = request.working_directory / program;
    if (!base::path_exists(file)) {
      warnings.push_back(fmt::format("{} is not here: does the node have it?", file.native()));
    }
    return {};
  }
  const bool known = base::path_exists(fs::path(request.activation.prefix) / "bin" / program) ||
                     base::find_program(program, environment).has_value();
  const bool is_torchrun = request.job.launcher == slurm::Launcher::torchrun;
  if (known || is_torchrun || !request.job.head.empty()) return {};
  return fail_hint(ErrorKind::not_found,
                   fmt::format("there is no program {} in the environment {}, nor on this machine",
                               program, request.activation.environment_name),
                   fmt::format("if only the nodes have it, give its path; `hpcenv list -p {}` "
                               "shows what the environment holds",
                               shell::quote_posix(request.activation.prefix)));
}

void warn_of_local_disk(const SubmitRequest& request, std::vector<std::string>& warnings) {
  const auto facts = base::file_system_facts(request.activation.prefix);
  const bool memory = facts && (facts->type == "tmpfs" || facts->type == "ramfs");
  const std::string& prefix = request.activation.prefix;
  if (memory || prefix.starts_with("/tmp/") || prefix.starts_with("/var/tmp/")) {
    warnings.push_back(fmt::format(
        "{} looks like a disk of this node alone: a job on another node will not see it", prefix));
  }
}

Failure refused(const std::string& errors) {
  const slurm::Refusal refusal = slurm::explain_refusal(errors);
  const bool unreachable = refusal.advice.find("try again") != std::string::npos;
  return fail_hint(unreachable ? ErrorKind::network : ErrorKind::refused,
                   "Slurm refuses the job: " + refusal.reason, refusal.advice);
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

Result<SubmitOutcome> hand_over(const Slurm& slurm, const SubmitRequest& request,
                                ScriptCopy& copy) {
  SubmitOutcome outcome;
  HPCENV_ASSIGN(
      const base::ProcessResult test,
      call(slurm, sbatch_line({"--test-only"}, request.job, copy.script()), seconds(120)));
  if (!test.succeeded()) return refused(test.errors);
  outcome.expected_start = slurm::expected_start(test.errors);
  HPCENV_TRY(base::check_interrupt());
  HPCENV_ASSIGN(const base::ProcessResult submitted,
                call(slurm, sbatch_line({"--parsable"}, request.job, copy.script()), seconds(120)));
  if (submitted.end == base::ProcessResult::End::timed_out) {
    return fail_hint(ErrorKind::network,
                     "sbatch did not come back; the job may have been submitted all the same",
                     "`squeue --me` shows your jobs");
  }
  if (!submitted.succeeded()) return refused(submitted.errors);
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

std::optional<slurm::JobState> state_now(const Slurm& slurm, const SubmitOutcome& job,
                                         bool& unreachable) {
  std::vector<std::string> words{"scontrol", "-o", "show", "job", job.job_id};
  if (!job.cluster.empty()) words.insert(words.begin() + 1, {"-M", job.cluster});
  const auto shown = call(slurm, words, seconds(60));
  if (shown && shown->succeeded()) return slurm::parse_scontrol_job(shown->output);
  unreachable = !shown || shown->errors.find("Invalid job id") == std::string::npos;
  if (unreachable) return std::nullopt;
  const auto recorded =
      call(slurm, {"sacct", "-nXP", "-o", "State,ExitCode", "-j", job.job_id}, seconds(60));
  if (!recorded || !recorded->succeeded()) return std::nullopt;
  return slurm::parse_sacct_job(recorded->output);
}

Slurm make_slurm(base::ProcessRunner& runner, const base::Environment& environment,
                 const fs::path& directory) {
  Slurm slurm{runner, environment, directory};
  // Another --wait would keep sbatch from handing the id on.
  slurm.environment.unset("SBATCH_WAIT");
  return slurm;
}

}  // namespace

Result<std::vector<std::string>> look_before(const SubmitRequest& request,
                                             base::ProcessRunner& runner,
                                             const base::Environment& environment) {
  const Slurm slurm = make_slurm(runner, environment, request.working_directory);
  std::vector<std::string> warnings;
  HPCENV_TRY(slurm::validate_request(request.job));
  HPCENV_TRY(check_slurm(slurm));
  HPCENV_TRY(check_program(request, environment, warnings));
  HPCENV_TRY(check_site(slurm, request.job, warnings));
  warn_of_local_disk(request, warnings);
  return warnings;
}

Result<SubmitOutcome> submit(const SubmitRequest& request, base::ProcessRunner& runner,
                             const base::Environment& environment) {
  HPCENV_ASSIGN(std::vector<std::string> warnings, look_before(request, runner, environment));
  HPCENV_TRY(check_output(request));
  Slurm slurm = make_slurm(runner, environment, request.working_directory);
  for (const std::string& name : slurm::overruled_variables(request.job, "SBATCH_")) {
    slurm.environment.unset(name);
  }

  const fs::path jobs = request.state / "jobs";
  HPCENV_TRY(base::make_directories(jobs));
  HPCENV_ASSIGN(fs::path directory, base::make_private_directory(jobs, "new-"));
  ScriptCopy copy(std::move(directory));
  HPCENV_TRY(
      base::write_file(copy.script(), slurm::job_script(request.job, request.activation), 0700));
  HPCENV_ASSIGN(SubmitOutcome outcome, hand_over(slurm, request, copy));
  outcome.warnings = std::move(warnings);
  return outcome;
}

Result<slurm::JobState> wait_for_job(const SubmitOutcome& job, base::ProcessRunner& runner,
                                     const base::Environment& environment,
                                     const base::Clock& clock) {
  const Slurm slurm = make_slurm(runner, environment, {});
  // Slurm forgets ended jobs after MinJobAge, 300 s by default; controllers dislike more questions.
  constexpr seconds first_interval{1};
  constexpr seconds longest_interval{10};
  std::chrono::milliseconds interval = first_interval;
  for (;;) {
    if (auto interrupted = base::check_interrupt(); !interrupted) {
      return Failure(with_hint(interrupted.error(),
                               fmt::format("job {0} goes on; `scancel {0}` ends it", job.job_id)));
    }
    bool unreachable = false;
    const auto state = state_now(slurm, job, unreachable);
    if (state && state->finished) return *state;
    if (!state && !unreachable) {
      return fail_hint(ErrorKind::io,
                       fmt::format("Slurm does not know job {} any more", job.job_id),
                       "its output tells how it ended");
    }
    clock.sleep(interval);
    interval = std::min<std::chrono::milliseconds>(interval * 5 / 4, longest_interval);
  }
}

}  // namespace hpcenv::ops
