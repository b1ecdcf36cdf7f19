#include "ops/probe_jobs.hpp"

#include "base/interrupt.hpp"
#include "base/text.hpp"
#include "ops/slurm_programs.hpp"
#include "slurm/waiting.hpp"

namespace hpcenv::ops {
namespace {

using std::chrono::seconds;

constexpr seconds sbatch_patience{60};
constexpr seconds look_patience{4};

}  // namespace

Result<base::ProcessResult> ProbeJobs::ask(std::vector<std::string> words, seconds deadline) {
  return ask_slurm_program(runner_, environment_, std::move(words), deadline);
}

Result<base::ProcessResult> ProbeJobs::sbatch(std::string mode, const slurm::ProbeRequest& request,
                                              const ProbePlace& place) {
  std::vector<std::string> words{"sbatch", std::move(mode)};
  for (std::string& word : slurm::probe_options(request)) words.push_back(std::move(word));
  words.push_back("--output=" + (place.folder / "%j.out").native());
  words.push_back("--chdir=" + place.folder.native());
  words.push_back(place.script.native());
  auto said = ask(std::move(words), sbatch_patience);
  if (said && said->end == base::ProcessResult::End::timed_out) {
    return fail_hint(ErrorKind::network, "sbatch does not come back",
                     "`scontrol ping` shows whether the controller is up");
  }
  return said;
}

Result<ProbeJobs::Answer> ProbeJobs::test(const slurm::ProbeRequest& request,
                                          const ProbePlace& place) {
  HPCENV_ASSIGN(const base::ProcessResult said, sbatch("--test-only", request, place));
  Answer answer;
  answer.accepted = said.succeeded();
  if (!answer.accepted) answer.refusal = slurm::explain_refusal(said.errors);
  if (answer.accepted) answer.start = slurm::expected_start(said.errors);
  return answer;
}

Result<ProbeJobs::Answer> ProbeJobs::submit(const slurm::ProbeRequest& request,
                                            const ProbePlace& place) {
  HPCENV_ASSIGN(const base::ProcessResult said, sbatch("--parsable", request, place));
  Answer answer;
  answer.accepted = said.succeeded();
  if (!answer.accepted) {
    answer.refusal = slurm::explain_refusal(said.errors);
    return answer;
  }
  const auto id = slurm::parse_submitted_id(said.output);
  if (!id) {
    return fail_hint(
        ErrorKind::refused,
        fmt::format("cannot read the job id that sbatch printed: {}", base::trim(said.output)),
        "`squeue --me` shows your jobs");
  }
  answer.id = id->id;
  return answer;
}

std::optional<ProbeJobs::Now> ProbeJobs::look(const std::string& job) {
  const auto said = ask({"scontrol", "-o", "show", "job", job}, look_patience);
  if (!said) return std::nullopt;
  if (!said->succeeded()) {
    if (said->errors.find("Invalid job id") == std::string::npos) return std::nullopt;
    Now gone;
    gone.state.finished = true;
    return gone;
  }
  auto state = slurm::parse_scontrol_job(said->output);
  if (!state) return std::nullopt;
  return Now{*std::move(state), slurm::start_time(said->output)};
}

void ProbeJobs::cancel(const std::vector<std::string>& jobs, const ProbePlace& place) {
  const int signal = base::interrupt_signal();
  base::set_interrupt(0);
  std::vector<std::string> words{"scancel"};
  words.insert(words.end(), jobs.begin(), jobs.end());
  const std::string user = environment_.get_or("USER", environment_.get_or("LOGNAME", ""));
  // One that was submitted while the interrupt came has told nobody its id.
  const auto queue =
      ask({"squeue", "-h", "-u", user, "-n", "hpcenv-probe", "-o", "%i %Z"}, look_patience);
  const std::string text = queue ? queue->output : "";
  for (const std::string_view line : base::split_lines(text)) {
    const auto fields = base::split_words(line);
    if (fields.size() == 2 && fields[1] == place.folder.native()) words.emplace_back(fields[0]);
  }
  if (words.size() > 1) static_cast<void>(ask(std::move(words), look_patience));
  base::set_interrupt(signal);
}

}  // namespace hpcenv::ops
