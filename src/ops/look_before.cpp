#include "ops/look_before.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/fs.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "ops/site_profile.hpp"
#include "ops/slurm_programs.hpp"
#include "slurm/site.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;

Result<> check_slurm(const LocalSeams& seams) {
  const base::Environment& environment = seams.reader.environment();
  if (!base::find_program("sbatch", environment)) {
    Error error{ErrorKind::not_found, "there is no Slurm here: sbatch is not in PATH", {}, {}};
    error.hints.emplace_back(
        "run this on a login node of the cluster; some want `module load slurm` first");
    error.hints.emplace_back("`hpcenv slurm script` writes the job script without Slurm");
    return Failure(std::move(error));
  }
  if (!base::find_program("scontrol", environment)) return {};
  auto up = check_controller(seams.runner, environment);
  if (up) return {};
  Error error = std::move(up).error();
  error.message += "; nothing was submitted";
  return Failure(std::move(error));
}

// A partition may be hidden from lists and still be ours to use.
bool scontrol_knows(const LocalSeams& seams, const std::string& partition) {
  const auto shown = ask_slurm_program(seams.runner, seams.reader.environment(),
                                       {"scontrol", "-o", "show", "partition", partition},
                                       std::chrono::seconds(30));
  return shown && shown->succeeded();
}

/// The partition of a job that names none may come from a variable.
slurm::JobRequest as_asked(slurm::JobRequest job, const base::Environment& environment) {
  if (job.partition.empty()) job.partition = environment.get_or("SBATCH_PARTITION", "");
  if (job.account.empty()) job.account = environment.get_or("SBATCH_ACCOUNT", "");
  return job;
}

/// nullopt: Slurm answers, but with what nobody can read; a warning says so.
Result<std::optional<SiteAnswer>> readable_site(SiteAge age, const LocalSeams& seams,
                                                std::vector<std::string>& warnings) {
  auto answer = site_profile(age, seams);
  if (answer) return std::optional(*std::move(answer));
  if (answer.error().kind != ErrorKind::refused) return Failure(std::move(answer).error());
  warnings.push_back(answer.error().message + "; partitions were not checked");
  return std::optional<SiteAnswer>();
}

struct Judged {
  Result<> fits;
  std::vector<std::string> words;
};

Judged judged(const slurm::JobRequest& job, const slurm::SiteProfile& site) {
  return {slurm::validate_against_site(job, site), slurm::site_warnings(job, site)};
}

Result<> check_site(const slurm::JobRequest& asked, const LocalSeams& seams,
                    std::vector<std::string>& warnings) {
  const base::Environment& environment = seams.reader.environment();
  if (!base::find_program("scontrol", environment)) return {};
  const slurm::JobRequest job = as_asked(asked, environment);
  HPCENV_ASSIGN(auto answer, readable_site(SiteAge::recent, seams, warnings));
  if (!answer) return {};
  Judged judgement = judged(job, answer->site);
  // What was kept may have been true an hour ago.
  if (answer->is_kept && (!judgement.fits || !judgement.words.empty())) {
    HPCENV_ASSIGN(answer, readable_site(SiteAge::fresh, seams, warnings));
    if (!answer) return {};
    judgement = judged(job, answer->site);
  }
  if (!judgement.fits) {
    const bool unknown = judgement.fits.error().kind == ErrorKind::not_found;
    if (!unknown || !scontrol_knows(seams, job.partition)) return judgement.fits;
  }
  warnings.insert(warnings.end(), judgement.words.begin(), judgement.words.end());
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

/// Where the job starts. Refused where that is no directory: it would fail without a word.
Result<fs::path> working_directory(const SubmitRequest& request) {
  const std::string asked = slurm::further_option(request.job, "--chdir", "-D");
  fs::path directory = request.working_directory / asked;
  if (asked.empty() || access((directory / ".").c_str(), X_OK) == 0) return directory;
  return fail_hint(
      ErrorKind::refused,
      fmt::format("the job cannot start in {}: there is no such directory", directory.native()),
      fmt::format("mkdir -p {}", shell::quote_posix(directory.native())));
}

Result<> check_log(const fs::path& file, std::string_view what) {
  const fs::path directory = file.parent_path();
  if (directory.native().find('%') != std::string::npos || file == "/dev/null") return {};
  if (access(directory.c_str(), F_OK) != 0) {
    return fail_hint(
        ErrorKind::refused,
        fmt::format("the directory of the job's {} does not exist: {}", what, directory.native()),
        fmt::format("mkdir -p {}", shell::quote_posix(directory.native())));
  }
  if (access(directory.c_str(), W_OK) == 0) return {};
  return fail_hint(ErrorKind::refused,
                   fmt::format("the job cannot write its {} to {}", what, directory.native()),
                   "submit from another directory, or name a file with --output");
}

bool lies_in(const fs::path& path, const fs::path& folder) {
  const fs::path below = path.lexically_normal().lexically_relative(folder.lexically_normal());
  return !below.empty() && *below.begin() != "..";
}

/// The probe of a target looks at home: where the nodes do not have it, what lies there is lost.
Result<> check_seen(const fs::path& path, const SubmitRequest& request,
                    const base::Environment& environment, std::string_view what) {
  const fs::path home = environment.get_or("HOME", "");
  const std::vector<std::string>& visible = request.job.visible;
  const auto holds = [&](const std::string& folder) { return lies_in(path, folder); };
  const bool is_judged = !visible.empty() && !home.empty() && lies_in(path, home);
  if (!is_judged || std::ranges::any_of(visible, holds)) return {};
  return fail_hint(ErrorKind::refused,
                   fmt::format("the nodes do not see {}, where {}", home.native(), what),
                   "they see " + base::join(visible, ", "));
}

Result<> check_environment_seen(const SubmitRequest& request,
                                const base::Environment& environment) {
  auto seen = check_seen(request.activation.prefix, request, environment,
                         fmt::format("the environment {} is", request.activation.environment_name));
  if (seen) return seen;
  return Failure(with_hint(std::move(seen).error(), "create it there with -p, or set HPCENV_ROOT"));
}

/// Slurm 22.05 takes such a dependency, and what becomes of it is anybody's guess.
void warn_of_unknown_jobs(const slurm::JobRequest& job, const LocalSeams& seams,
                          std::vector<std::string>& warnings) {
  for (const std::string& id : slurm::jobs_waited_for(job)) {
    const auto shown =
        ask_slurm_program(seams.runner, seams.reader.environment(),
                          {"scontrol", "-o", "show", "job", id}, std::chrono::seconds(30));
    if (!shown || shown->errors.find("Invalid job id") == std::string::npos) continue;
    warnings.push_back(fmt::format(
        "Slurm knows no job {} any more: a job that depends on it may start at once, or never",
        id));
  }
}

}  // namespace

Result<> check_output(const SubmitRequest& request, const base::Environment& environment) {
  HPCENV_ASSIGN(const fs::path start, working_directory(request));
  const std::string& output = request.job.output;
  auto seen = check_seen(start / output, request, environment, "the job would write its output");
  if (!seen) return Failure(with_hint(std::move(seen).error(), "submit from there"));
  HPCENV_TRY(check_log(start / (output.empty() ? "slurm-%j.out" : output), "output"));
  const std::string errors = slurm::further_option(request.job, "--error", "-e");
  return errors.empty() ? Result<>() : check_log(start / errors, "errors");
}

Result<std::vector<std::string>> look_before(const SubmitRequest& request,
                                             const LocalSeams& seams) {
  std::vector<std::string> warnings;
  HPCENV_TRY(slurm::validate_request(request.job));
  HPCENV_TRY(check_slurm(seams));
  HPCENV_TRY(check_program(request, seams.reader.environment(), warnings));
  HPCENV_TRY(check_site(request.job, seams, warnings));
  HPCENV_TRY(check_environment_seen(request, seams.reader.environment()));
  warn_of_local_disk(request, warnings);
  warn_of_unknown_jobs(request.job, seams, warnings);
  return warnings;
}

}  // namespace hpcenv::ops
