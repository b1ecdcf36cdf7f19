// hpcenv slurm submit
#include <array>

#include "base/json.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/slurm_options.hpp"
#include "cli/session.hpp"
#include "ops/follow_job.hpp"
#include "ops/submit.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array own_options{
    OptionSpec{"--wait", "", "show the log and wait for the end; the exit code is the job's",
               OptionSpec::Kind::flag},
};
constexpr auto options = joined_options(slurm_place_options, slurm_batch_options, own_options);

constexpr std::array examples{
    "hpcenv slurm submit -n work --time 2:00:00 -- python train.py",
    "hpcenv slurm submit -n torch --on gpu --time 2:00:00 --wait -- python train.py",
    "hpcenv slurm submit -n work --array 1-100%10 -- bash -c 'python sweep.py "
    "$SLURM_ARRAY_TASK_ID'",
    "hpcenv slurm submit -n torch --on gpu --time 1-0 --requeue-on-signal USR1@120 -- python "
    "train.py",
};

void tell_submitted(const ops::SubmitOutcome& outcome, Session& session) {
  for (const std::string& warning : outcome.warnings) session.reporter().warning(warning);
  if (session.output().json()) return;
  session.output().print(outcome.job_id + "\n");
  flush_stdout();
  std::string text =
      fmt::format("Submitted as job {}; its script: {}\n", outcome.job_id, outcome.script.native());
  if (!outcome.expected_start.empty()) {
    text += fmt::format("Slurm expects it to start at {}\n", outcome.expected_start);
  }
  session.output().say(text);
}

void tell_end(const ops::SubmitOutcome& outcome, const slurm::JobState& state, Session& session) {
  if (session.output().json()) return;
  session.output().say(fmt::format("Job {} has ended: {}, exit code {}\n", outcome.job_id,
                                   state.state, state.exit_code));
}

void print_json(const ops::SubmitOutcome& outcome, const slurm::JobState* state, Session& session) {
  if (!session.output().json()) return;
  base::Json body;
  body["job_id"] = outcome.job_id;
  body["cluster"] = outcome.cluster;
  body["script"] = outcome.script.native();
  body["expected_start"] = outcome.expected_start;
  body["warnings"] = outcome.warnings;
  if (state != nullptr) {
    body["state"] = state->state;
    body["exit_code"] = state->exit_code;
  }
  session.output().print_json(body, true);
}

/// JSON has no place for a log.
ops::LogSink log_sink(Session& session) {
  if (session.output().json()) return {};
  return [&session](std::string_view bytes) {
    session.end_progress();
    session.output().print(std::string(bytes));
    flush_stdout();
  };
}

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(PreparedJob job, prepared_job(arguments, session));
  for (const auto& message : ops::not_yet_said(job.site, job.locations.state)) {
    session.output().say(fmt::format("{} ({})\n", message.text, message.file.string()));
  }
  const ops::SubmitRequest request{std::move(job.request), std::move(job.activation),
                                   job.locations.state, job.locations.working_directory};
  HPCENV_ASSIGN(const ops::SubmitOutcome outcome, ops::submit(request, session.local_seams()));
  tell_submitted(outcome, session);
  if (!arguments.has("wait")) {
    print_json(outcome, nullptr, session);
    return 0;
  }
  HPCENV_ASSIGN(const slurm::JobState state,
                ops::follow_job(outcome, log_sink(session), session.local_seams()));
  session.end_progress();
  tell_end(outcome, state, session);
  print_json(outcome, &state, session);
  return state.exit_code;
}

}  // namespace

constexpr CommandSpec slurm_submit_command{
    .name = "slurm submit",
    .summary = "submit a job that runs a program in an environment",
    .synopsis = "(-n NAME | -p PREFIX) [OPTIONS] [--wait] -- PROGRAM [ARGUMENT...]",
    .details =
        "The options are checked against what the site offers before anything is submitted. The\n"
        "job's id is printed; its script is kept. With --wait the job's exit code is handed on\n"
        "(128 + signal where one ended it). In the job, 127 says that the environment or the\n"
        "program is not there, 126 that it cannot be executed, 125 that the environment is\n"
        "half-changed.",
    .operands = CommandSpec::Operands::program,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(slurm_submit_command));

}  // namespace hpcenv::cli
