#include "ops/slurm_programs.hpp"

#include <algorithm>
#include <array>

#include "base/fs.hpp"
#include "base/text.hpp"

namespace hpcenv::ops {
namespace {

constexpr std::chrono::milliseconds ping_patience{1500};
constexpr std::size_t output_limit = 64U << 20U;  ///< ten thousand nodes in many partitions

constexpr std::array prefixes{"SBATCH_", "SALLOC_", "SQUEUE_", "SINFO_", "SACCT_", "SCONTROL_"};
constexpr std::array variables{"SLURM_TIME_FORMAT", "SLURM_TEST_EXEC", "SLURM_EXPORT_ENV",
                               "SLURM_JOB_ID",      "SLURM_JOBID",     "SLURM_BITSTR_LEN"};

}  // namespace

base::Environment slurm_environment(const base::Environment& environment) {
  base::Environment clean = environment;
  for (const auto& [name, value] : environment.all()) {
    const bool changes_answers = std::ranges::any_of(
        prefixes, [&](std::string_view prefix) { return name.starts_with(prefix); });
    if (changes_answers) clean.unset(name);
  }
  for (const char* name : variables) clean.unset(name);
  clean.set("LC_ALL", "C");
  return clean;
}

base::ProcessRequest slurm_question(const base::Environment& environment,
                                    std::vector<std::string> argv,
                                    std::chrono::milliseconds deadline) {
  base::ProcessRequest request;
  request.argv = std::move(argv);
  request.environment = slurm_environment(environment);
  request.deadline = deadline;
  request.output_limit = output_limit;
  return request;
}

Result<base::ProcessResult> ask_slurm_program(base::ProcessRunner& runner,
                                              const base::Environment& environment,
                                              std::vector<std::string> argv,
                                              std::chrono::milliseconds deadline) {
  return runner.run(slurm_question(environment, std::move(argv), deadline));
}

Result<> check_controller(base::ProcessRunner& runner, const base::Environment& environment) {
  if (!base::find_program("scontrol", environment)) {
    return fail_hint(ErrorKind::not_found, "there is no Slurm here: scontrol is not in PATH",
                     "run this on a login node of the cluster; some want `module load slurm` "
                     "first");
  }
  HPCENV_ASSIGN(const base::ProcessResult ping,
                ask_slurm_program(runner, environment, {"scontrol", "ping"}, ping_patience));
  if (ping.output.find(" UP") != std::string::npos) return {};
  const std::string said(base::trim(ping.output.empty() ? ping.errors : ping.output));
  const std::string words = said.empty() ? "" : ": " + base::replace_all(said, "\n", "; ");
  Error error{ErrorKind::network,
              "Slurm's controller does not answer" + words,
              {},
              {"`scontrol ping` shows when it is back"}};
  if (!environment.has("SLURM_CONF") && !base::path_exists("/etc/slurm/slurm.conf")) {
    error.hints.emplace_back(
        "SLURM_CONF is not set and there is no /etc/slurm/slurm.conf: some sites want `module load "
        "slurm` first");
  }
  return Failure(std::move(error));
}

}  // namespace hpcenv::ops
