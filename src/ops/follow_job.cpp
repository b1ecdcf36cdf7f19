#include "ops/follow_job.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <fstream>

#include "base/interrupt.hpp"
#include "base/process.hpp"
#include "ops/slurm_programs.hpp"
#include "slurm/waiting.hpp"

namespace hpcenv::ops {
namespace {

using std::chrono::seconds;

/// nullopt: not known; `unreachable` tells whether anybody was there to ask.
std::optional<slurm::JobState> state_now(const SubmitOutcome& job, const LocalSeams& seams,
                                         bool& unreachable) {
  const base::Environment& environment = seams.reader.environment();
  std::vector<std::string> words{"scontrol", "-o", "show", "job", job.job_id};
  if (!job.cluster.empty()) words.insert(words.begin() + 1, {"-M", job.cluster});
  const auto shown = ask_slurm_program(seams.runner, environment, words, seconds(60));
  if (shown && shown->succeeded()) return slurm::parse_scontrol_job(shown->output);
  unreachable = !shown || shown->errors.find("Invalid job id") == std::string::npos;
  if (unreachable) return std::nullopt;
  const auto recorded =
      ask_slurm_program(seams.runner, environment,
                        {"sacct", "-nXP", "-o", "State,ExitCode", "-j", job.job_id}, seconds(60));
  if (!recorded || !recorded->succeeded()) return std::nullopt;
  return slurm::parse_sacct_job(recorded->output);
}

/// A file that another node writes: what is new since the last look, and since before the job.
class GrowingFile {
 public:
  explicit GrowingFile(const LogBefore& before)
      : before_(before), offset_(before.appended ? before.size : 0) {}

  void tell_new(const std::string& path, const LogSink& sink) {
    struct stat now{};
    if (path.empty() || !sink || stat(path.c_str(), &now) != 0 || is_as_before(now)) return;
    std::ifstream file(path, std::ios::binary);
    if (!file.seekg(offset_)) return;
    std::string piece(std::size_t{64} << 10U, '\0');
    while (file.read(piece.data(), static_cast<std::streamsize>(piece.size())) ||
           file.gcount() > 0) {
      const auto count = static_cast<std::size_t>(file.gcount());
      sink(std::string_view(piece).substr(0, count));
      offset_ += file.gcount();
    }
  }

 private:
  bool is_as_before(const struct stat& now) const {
    return now.st_size == before_.size &&
           now.st_mtim.tv_sec * 1'000'000'000 + now.st_mtim.tv_nsec == before_.changed;
  }

  LogBefore before_;
  std::streamoff offset_;
};

/// Tells why a job waits, and once what has to change where waiting alone does not help.
class Waiting {
 public:
  void tell(const slurm::JobState& state, const SubmitOutcome& job, base::Reporter& reporter) {
    const bool starts = state.state == "RUNNING" && last_ != "RUNNING";
    last_ = state.state;
    if (starts) reporter.step(fmt::format("Job {} runs", job.job_id));
    if (state.state != "PENDING") return;
    const bool silent = state.reason.empty() || state.reason == "None";
    reporter.step(silent ? fmt::format("Job {} waits", job.job_id)
                         : fmt::format("Job {} waits ({})", job.job_id, state.reason));
    const auto change = slurm::never_starts(state.reason);
    if (!change || state.reason == told_) return;
    told_ = state.reason;
    reporter.warning(
        fmt::format("job {0} does not start by itself ({1}): {2}; `scancel {0}` ends it",
                    job.job_id, state.reason, *change));
  }

 private:
  std::string last_;  ///< state
  std::string told_;  ///< reason
};

}  // namespace

Result<slurm::JobState> follow_job(const SubmitOutcome& job, const LogSink& sink,
                                   const LocalSeams& seams) {
  // Slurm forgets ended jobs after MinJobAge, 300 s by default; controllers dislike more questions.
  constexpr std::chrono::milliseconds first_interval{1000};
  constexpr std::chrono::milliseconds longest_interval{10000};
  std::chrono::milliseconds interval = first_interval;
  GrowingFile log(job.log_before);
  Waiting waiting;
  for (;;) {
    if (auto interrupted = base::check_interrupt(); !interrupted) {
      return Failure(with_hint(interrupted.error(),
                               fmt::format("job {0} goes on; `scancel {0}` ends it", job.job_id)));
    }
    bool unreachable = false;
    const auto state = state_now(job, seams, unreachable);
    if (state) {
      waiting.tell(*state, job, seams.reporter);
      log.tell_new(state->log, sink);
    }
    if (state && state->finished) return *state;
    if (!state && !unreachable) {
      return fail_hint(ErrorKind::io,
                       fmt::format("Slurm does not know job {} any more", job.job_id),
                       "its output tells how it ended");
    }
    seams.clock.sleep(interval);
    interval = std::min(interval * 5 / 4, longest_interval);
  }
}

}  // namespace hpcenv::ops
