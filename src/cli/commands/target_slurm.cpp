#include "cli/commands/target_slurm.hpp"

#include <algorithm>
#include <array>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/ask.hpp"
#include "cli/commands/target_words.hpp"
#include "conda/channel.hpp"
#include "host/target.hpp"
#include "ops/site_layer.hpp"
#include "ops/slurm_target.hpp"
#include "shell/activation.hpp"
#include "slurm/job_request.hpp"
#include "slurm/plain_text.hpp"
#include "slurm/site.hpp"

namespace hpcenv::cli {
namespace {

using ops::ProbeOutcome;
using slurm::ReachField;
using slurm::ReachSource;

constexpr std::array job_options{"partition", "gpus",   "constraint",  "account",  "qos",
                                 "time",      "sbatch", "per-feature", "all-nodes"};
constexpr std::uint64_t longest_wait = 86400;

Result<std::chrono::seconds> patience_of(const Arguments& arguments) {
  if (arguments.has("no-wait")) return std::chrono::seconds(0);
  if (!arguments.has("wait")) return std::chrono::seconds(120);
  const auto seconds = base::parse_unsigned(arguments.value("wait"));
  if (seconds && *seconds <= longest_wait) return std::chrono::seconds(*seconds);
  return fail_hint(ErrorKind::usage, fmt::format("--wait cannot be '{}'", arguments.value("wait")),
                   "give a number of seconds, up to a day");
}

// "a100:2", "2", "a100".
Result<> read_gpus(const std::string& text, slurm::ProbeRequest& probe) {
  const auto gpus = slurm::parse_gpus(text);
  if (!gpus) {
    return fail_hint(ErrorKind::usage, fmt::format("--gpus cannot be '{}'", text),
                     "give a number, or a type and a number: a100:2");
  }
  probe.gpus = gpus->count;
  probe.gpu_type = gpus->type;
  return {};
}

Result<> check_words(const slurm::ProbeRequest& probe, const std::string& time) {
  slurm::JobRequest job;
  job.command = {"true"};
  job.partition = probe.partition;
  job.account = probe.account;
  job.qos = probe.qos;
  job.time = time;
  job.sbatch_options = probe.options;
  HPCENV_TRY(slurm::validate_request(job));
  if (!slurm::has_control_character(probe.constraint)) return {};
  return fail(ErrorKind::usage, "--constraint cannot hold control characters");
}

// What the site's file says of every job, where the user says nothing.
Result<> take_site_defaults(Session& session, ops::SlurmTargetRequest& request) {
  HPCENV_ASSIGN(const ops::SiteLayer layer, ops::site_layer(session.environment()));
  for (const auto& [field, fact] : layer.defaults.facts()) {
    if (!request.stored.has(field)) request.stored.set(field, fact);
  }
  const slurm::ProbeRequest site = slurm::request_of(layer.defaults);
  slurm::ProbeRequest& probe = request.probe;
  const auto take = [](std::string& value, const std::string& other) {
    if (value.empty()) value = other;
  };
  take(probe.partition, site.partition);
  take(probe.account, site.account);
  take(probe.qos, site.qos);
  take(probe.constraint, site.constraint);
  take(probe.memory, site.memory);
  if (layer.defaults.has(ReachField::probe_time)) probe.time = site.time;
  if (probe.options.empty()) probe.options = site.options;
  probe.whole_node = site.whole_node;
  const std::string option = layer.defaults.text(ReachField::gpu_option);
  if (!option.empty() && option != "gres") probe.spelling = site.spelling;
  return {};
}

// A person at a terminal.
ops::SlurmTargetRequest with_questions(ops::SlurmTargetRequest request, Session& session) {
  request.ask = [&session](ReachField field,
                           const std::vector<std::string>& known) -> Result<std::string> {
    const Output& output = session.output();
    if (!output.stdin_is_terminal() || !output.stderr_is_terminal() || output.json()) {
      return fail(ErrorKind::not_found, "nobody can be asked");
    }
    session.end_progress();
    const std::string question =
        fmt::format("The site wants {}{}: ",
                    field == ReachField::account ? "an account"
                    : field == ReachField::qos   ? "a QOS"
                                                 : "a partition",
                    known.empty() ? "" : " (" + base::join(known, ", ") + ")");
    HPCENV_ASSIGN(std::string answer, ask_name(question, output));
    if (answer.empty()) return fail(ErrorKind::not_found, "nothing was answered");
    return answer;
  };
  return request;
}

Result<ops::SlurmTargetRequest> new_request(const std::string& name, const Arguments& arguments,
                                            Session& session) {
  ops::SlurmTargetRequest request;
  request.name = name;
  HPCENV_ASSIGN(request.directory, own_targets(session.environment()));
  HPCENV_ASSIGN(request.patience, patience_of(arguments));
  request.version = HPCENV_VERSION;
  HPCENV_ASSIGN(const conda::ChannelRules rules, session.channel_rules());
  request.url = conda::without_credentials(rules.alias);
  std::vector<std::string> words;
  for (const std::string& word : arguments.words()) words.push_back(shell::quote_posix(word));
  request.command = base::join(words, " ");
  return request;
}

void tell(const std::vector<std::string>& lines, Session& session) {
  for (const std::string& line : lines) session.output().say("  " + line + "\n");
}

Result<int> tell_queued(const ops::SlurmTargetRequest& request,
                        const ops::SlurmTargetAnswer& answer, Session& session) {
  const Output& output = session.output();
  if (output.json()) {
    base::Json body;
    body["target"] = nullptr;
    body["queued"] = {
        {"jobs", answer.jobs}, {"expected_start", answer.start}, {"reason", answer.reason}};
    body["notes"] = answer.notes;
    output.print_json(body, true);
    return 0;
  }
  tell(answer.notes, session);
  const bool several = answer.jobs.size() > 1;
  output.print(fmt::format(
      "Job{} {} {} queued{}{}.\nTarget {} is written when {} run; `hpcenv target show {}` shows it "
      "then.\n",
      several ? "s" : "", base::join(answer.jobs, ", "), several ? "are" : "is",
      answer.reason.empty() || answer.reason == "None" ? "" : " (" + answer.reason + ")",
      answer.start.empty() ? "" : ", expected to start at " + answer.start, request.name,
      several ? "they have" : "it has", request.name));
  return 0;
}

Result<int> tell_written(const ops::SlurmTargetRequest& request,
                         const ops::SlurmTargetAnswer& answer, bool refreshed, Session& session) {
  HPCENV_ASSIGN(const host::Target target,
                host::load_target(request.name, {request.directory}, "/"));
  const std::int64_t now = session.clock().now();
  HPCENV_ASSIGN(const TargetView view, view_of(target, now));
  for (const std::string& warning : answer.outcome.warnings) session.reporter().warning(warning);
  warn_of_target(view, session);
  const Output& output = session.output();
  if (output.json()) {
    base::Json body;
    body["target"] = target_to_json(view);
    body["changes"] = answer.outcome.changes;
    body["notes"] = answer.notes;
    body["warnings"] = answer.outcome.warnings;
    output.print_json(body, true);
    return 0;
  }
  tell(answer.notes, session);
  output.print(target_text(view, now));
  if (!refreshed) {
    output.print(fmt::format("\nUse it with: hpcenv create -n NAME --on {} --recipe python\n",
                             request.name));
    return 0;
  }
  output.print(answer.outcome.changes.empty()
                   ? "\nNothing has changed.\n"
                   : "\nWhat has changed:\n  " + base::join(answer.outcome.changes, "\n  ") + "\n");
  return 0;
}

Result<int> make(const ops::SlurmTargetRequest& request, bool refreshed, Session& session) {
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  auto answer = ops::make_slurm_target(request, locations, session.local_seams());
  session.end_progress();
  if (!answer) return Failure(std::move(answer).error());
  if (answer->outcome.state == ProbeOutcome::State::waiting) {
    return tell_queued(request, *answer, session);
  }
  return tell_written(request, *answer, refreshed, session);
}

}  // namespace

bool asks_slurm(const Arguments& arguments) {
  return std::ranges::any_of(job_options, [&](const char* key) { return arguments.has(key); });
}

Result<int> add_through_slurm(const std::string& name, const Arguments& arguments,
                              Session& session) {
  for (const char* other : {"here", "from", "replace"}) {
    if (!arguments.has(other)) continue;
    return fail_hint(ErrorKind::usage, fmt::format("--{} goes not with options of a job", other),
                     "a job looks at its node by itself, and replaces what the target had");
  }
  if (arguments.has("all-nodes") && arguments.has("per-feature")) {
    return fail_hint(ErrorKind::usage, "--all-nodes and --per-feature are both given",
                     "--per-feature looks at one node of each kind, --all-nodes at every one");
  }
  HPCENV_ASSIGN(ops::SlurmTargetRequest request, new_request(name, arguments, session));
  request.probe.partition = arguments.value("partition");
  request.probe.constraint = arguments.value("constraint");
  request.probe.account = arguments.value("account");
  request.probe.qos = arguments.value("qos");
  request.probe.options = arguments.values("sbatch");
  request.says_gpus = arguments.has("gpus");
  if (request.says_gpus) HPCENV_TRY(read_gpus(arguments.value("gpus"), request.probe));
  const std::string time = arguments.value("time");
  HPCENV_TRY(check_words(request.probe, time));
  if (!time.empty()) {
    request.stored.set(ReachField::time, {{time}, ReachSource::user, session.clock().now()});
  }
  HPCENV_TRY(take_site_defaults(session, request));
  if (arguments.has("per-feature")) request.mode = ops::ProbeMode::per_feature;
  if (arguments.has("all-nodes")) request.mode = ops::ProbeMode::all_nodes;
  return make(with_questions(std::move(request), session), false, session);
}

Result<int> refresh_through_slurm(const std::string& name, const Arguments& arguments,
                                  Session& session) {
  HPCENV_ASSIGN(ops::SlurmTargetRequest request, new_request(name, arguments, session));
  HPCENV_ASSIGN(const host::Target target,
                host::load_target(name, host::target_directories(session.environment()), "/"));
  if (target.file.parent_path() != request.directory) {
    return fail_hint(
        ErrorKind::refused, fmt::format("target {} is not yours: {}", name, target.file.native()),
        fmt::format("one of your own comes before it: hpcenv target add {} --partition NAME",
                    name));
  }
  if (target.probed.empty()) {
    return fail_hint(ErrorKind::refused, fmt::format("target {} was not made by a job", name),
                     fmt::format("on its machine: hpcenv target add {0} --here; through Slurm: "
                                 "hpcenv target add {0} --partition NAME",
                                 name));
  }
  HPCENV_ASSIGN(request.stored, slurm::reach_from_json(*target.reach, target.file.native()));
  request.probe = slurm::request_of(request.stored);
  request.says_gpus = true;
  for (const ops::ProbeMode mode : {ops::ProbeMode::per_feature, ops::ProbeMode::all_nodes}) {
    if (target.probed == ops::name_of(mode)) request.mode = mode;
  }
  return make(with_questions(std::move(request), session), true, session);
}

void pick_up_targets(Session& session) {
  const auto locations = session.locations();
  if (!locations) return;
  for (const std::string& sentence : ops::pick_up_probes(*locations, session.local_seams())) {
    session.output().say(sentence + "\n");
  }
}

}  // namespace hpcenv::cli
