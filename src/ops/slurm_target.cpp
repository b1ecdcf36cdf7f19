#include "ops/slurm_target.hpp"

#include <algorithm>
#include <array>

#include "base/fs.hpp"
#include "base/interrupt.hpp"
#include "base/text.hpp"
#include "ops/probe_jobs.hpp"
#include "ops/probe_registry.hpp"
#include "ops/site_profile.hpp"
#include "slurm/probe_plan.hpp"
#include "slurm/waiting.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;
using slurm::ProbeRequest;
using slurm::ReachField;
using slurm::ReachSource;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int most_rounds = 6;          ///< of sbatch --test-only: sites limit submissions
constexpr std::size_t most_jobs = 128;  ///< of one probe
constexpr milliseconds answer_interval{250};
constexpr seconds look_interval{2};

/// What the steps of one probe hand on.
struct Probe {
  const SlurmTargetRequest& request;
  const Locations& locations;
  const LocalSeams& seams;
  slurm::SiteProfile site;
  slurm::ProbePlan plan;
  ProbeJobs slurm;
  ProbePlace place;
  slurm::Reach learnt;
  std::vector<ProbeRequest> requests;  ///< one for each job
  ProbeRecord record;
  SlurmTargetAnswer answer;
};

bool is_known(const slurm::ReachFact* fact) { return fact != nullptr; }

Failure refused(const Probe& probe, const slurm::Refusal& refusal, const ProbeRequest& request) {
  const bool unreachable =
      std::ranges::find(refusal.topics, slurm::RefusalTopic::unreachable) != refusal.topics.end();
  Error error{unreachable ? ErrorKind::network : ErrorKind::refused,
              "Slurm refuses the job that would look at the node: " + refusal.reason,
              {"asked for: sbatch " + base::join(slurm::probe_options(request), " ")},
              {refusal.advice}};
  if (!unreachable) {
    error.hints.push_back("then: " + probe.request.command + " with that option");
  }
  return Failure(std::move(error));
}

const char* option_of(ReachField field) {
  if (field == ReachField::qos) return "--qos";
  return field == ReachField::partition ? "--partition" : "--account";
}

// The user is asked on a terminal; elsewhere the command to repeat is said.
Result<> ask_for(Probe& probe, const slurm::LadderStep& step, const slurm::Refusal& refusal,
                 slurm::ProbeLadder& ladder) {
  const auto answer = probe.request.ask(step.field, step.values);
  if (answer) {
    ladder.answer(step.field, *answer);
    return {};
  }
  if (answer.error().kind != ErrorKind::not_found) return Failure(answer.error());
  Error error{ErrorKind::refused,
              "Slurm refuses the job that would look at the node: " + refusal.reason,
              {},
              {fmt::format("give {} NAME: {} {} NAME", option_of(step.field), probe.request.command,
                           option_of(step.field))}};
  error.hints.push_back(step.values.empty() ? refusal.advice
                                            : "yours are: " + base::join(step.values, ", "));
  return Failure(std::move(error));
}

// sbatch is asked what it would say, until it takes the request.
Result<ProbeRequest> climb(Probe& probe, ProbeRequest first) {
  slurm::ProbeLadder ladder(std::move(first), probe.plan.choices);
  slurm::Refusal refusal;
  for (int round = 0; round < most_rounds; ++round) {
    HPCENV_ASSIGN(const ProbeJobs::Answer said, probe.slurm.test(ladder.request(), probe.place));
    if (said.accepted) {
      probe.answer.start = said.start;
      probe.learnt = ladder.learnt(probe.seams.clock.now());
      return ladder.request();
    }
    refusal = said.refusal;
    const slurm::LadderStep step = ladder.refused(refusal);
    if (step.kind == slurm::LadderStep::Kind::give_up) break;
    if (step.kind == slurm::LadderStep::Kind::ask) {
      HPCENV_TRY(ask_for(probe, step, refusal, ladder));
    } else {
      probe.answer.notes.push_back(
          fmt::format("the site says: {}; tried {}", refusal.reason, step.change));
    }
  }
  return refused(probe, refusal, ladder.request());
}

// Where the site's file, or an earlier probe, says that probes run.
bool takes_known_queue(Probe& probe, ProbeRequest& taken) {
  const slurm::Reach& stored = probe.request.stored;
  ProbeRequest other = taken;
  if (stored.has(ReachField::probe_partition)) {
    other.partition = stored.text(ReachField::probe_partition);
  }
  if (stored.has(ReachField::probe_qos)) other.qos = stored.text(ReachField::probe_qos);
  if (other.partition == taken.partition && other.qos == taken.qos) return false;
  const auto said = probe.slurm.test(other, probe.place);
  if (!said || !said->accepted) return false;
  probe.answer.start = said->start;
  taken = other;
  return true;
}

// One that starts earlier on the same nodes; nobody minds if it says no.
void try_short_queues(Probe& probe, ProbeRequest& taken) {
  if (takes_known_queue(probe, taken)) return;
  const auto better = [&](const ProbeRequest& other, const std::string& what) {
    const auto said = probe.slurm.test(other, probe.place);
    if (!said || !said->accepted || said->start.empty()) return false;
    if (!probe.answer.start.empty() && said->start >= probe.answer.start) return false;
    probe.answer.start = said->start;
    probe.answer.notes.push_back(what + " starts earlier, on the same nodes");
    taken = other;
    return true;
  };
  const std::int64_t now = probe.seams.clock.now();
  for (const std::string& queue :
       slurm::short_queues(probe.site, taken.partition, probe.plan.kinds)) {
    ProbeRequest other = taken;
    other.partition = queue;
    if (!better(other, "partition " + queue)) continue;
    probe.learnt.set(ReachField::probe_partition, {{queue}, ReachSource::slurm, now});
    return;
  }
  if (!taken.qos.empty()) return;
  for (const std::string& qos : slurm::short_qos(probe.site)) {
    ProbeRequest other = taken;
    other.qos = qos;
    if (!better(other, "QOS " + qos)) continue;
    probe.learnt.set(ReachField::probe_qos, {{qos}, ReachSource::slurm, now});
    return;
  }
}

ProbeRequest first_request(const Probe& probe) {
  const bool by_name = probe.request.stored.text(ReachField::pick_node) != "constraint";
  if (probe.request.mode == ProbeMode::all_nodes && by_name) {
    return slurm::requests_for_nodes(probe.plan.request, probe.plan).front();
  }
  return probe.plan.request;
}

Result<> choose_requests(Probe& probe, const ProbeRequest& taken) {
  const bool is_named = probe.request.mode == ProbeMode::all_nodes && !taken.node.empty();
  const bool refuses_names = probe.learnt.text(ReachField::pick_node) == "constraint" ||
                             probe.request.stored.text(ReachField::pick_node) == "constraint";
  if (probe.request.mode == ProbeMode::one) {
    probe.requests = {taken};
    if (probe.plan.kinds.size() > 1) {
      probe.answer.notes.push_back(
          fmt::format("of {} kinds of nodes that jobs may land on one is looked at; --per-feature "
                      "looks at one of each, --constraint chooses",
                      probe.plan.kinds.size()));
    }
  } else if (is_named) {
    probe.requests = slurm::requests_for_nodes(taken, probe.plan);
  } else {
    ProbeRequest any = taken;
    any.constraint = probe.plan.request.constraint;
    probe.requests = slurm::requests_for_kinds(
        any, probe.plan, refuses_names ? slurm::NodesBy::constraint : slurm::NodesBy::name);
    if (probe.request.mode == ProbeMode::all_nodes) {
      probe.answer.notes.push_back(
          "nodes may not be asked for by name here, so one of each kind is looked at");
    }
  }
  if (probe.requests.size() <= most_jobs) return {};
  return fail_hint(
      ErrorKind::refused,
      fmt::format("that would be {} jobs, more than {}", probe.requests.size(), most_jobs),
      "--per-feature looks at one node of each kind");
}

Result<> submit_all(Probe& probe) {
  for (const ProbeRequest& request : probe.requests) {
    HPCENV_TRY(base::check_interrupt());
    HPCENV_ASSIGN(const ProbeJobs::Answer said, probe.slurm.submit(request, probe.place));
    if (said.accepted) {
      probe.answer.jobs.push_back(said.id);
    } else if (probe.requests.size() == 1) {
      return refused(probe, said.refusal, request);
    } else {
      probe.answer.notes.push_back(
          fmt::format("{} is not looked at: {}",
                      request.node.empty() ? "nodes with " + request.constraint : request.node,
                      said.refusal.reason));
    }
  }
  if (!probe.answer.jobs.empty()) return {};
  return fail(ErrorKind::refused, "Slurm takes none of the jobs: {}",
              base::join(probe.answer.notes, "; "));
}

slurm::Reach reach_of_target(const Probe& probe, const ProbeRequest& taken) {
  const std::int64_t now = probe.seams.clock.now();
  ProbeRequest asked = taken;
  // The target is what was asked for, not where it was looked at.
  asked.partition = probe.plan.request.partition;
  asked.constraint = probe.plan.request.constraint;
  asked.gpu_type = probe.plan.request.gpu_type;
  const bool other_qos =
      probe.learnt.has(ReachField::probe_qos) || probe.request.stored.has(ReachField::probe_qos);
  if (other_qos) asked.qos = probe.plan.request.qos;
  slurm::Reach reach = slurm::reach_of(asked, probe.site, now);
  const auto of_slurm = [&](ReachField field) {
    if (!reach.has(field)) return;
    reach.set(field, {reach.values(field), ReachSource::slurm, now});
  };
  if (probe.plan.gpus_of_slurm) of_slurm(ReachField::gpus);
  if (probe.plan.type_of_slurm) of_slurm(ReachField::gpu_type);
  // What was stored or given beside the probe, with its source; what was learnt now wins.
  for (const auto& [field, fact] : probe.request.stored.facts()) {
    const bool same = reach.has(field) && reach.values(field) == fact.values;
    if (same || !is_known(reach.find(field))) reach.set(field, fact);
  }
  for (const auto& [field, fact] : probe.learnt.facts()) reach.set(field, fact);
  return reach;
}

void fill_record(Probe& probe, const ProbeRequest& taken) {
  ProbeRecord& record = probe.record;
  record.target = probe.request.name;
  record.directory = probe.request.directory;
  record.mode = name_of(probe.request.mode);
  record.reach = reach_of_target(probe, taken);
  record.jobs = probe.answer.jobs;
  record.partition = probe.plan.request.partition;
  record.local_disk = probe.site.local_disk;
  record.url = probe.request.url;
  for (const slurm::NodeKind& kind : probe.plan.kinds) {
    for (const std::string& name : kind.nodes) {
      const slurm::SiteNode* node = slurm::find_node(probe.site, name);
      if (node != nullptr) record.addresses[name] = node->address;
    }
  }
}

void forget(const Probe& probe) {
  remove_tokens(probe.record.tokens);
  unregister_probe(probe.locations, probe.record);
  static_cast<void>(base::remove_tree(probe.place.folder));
}

// What is left of a probe that came to nothing: nothing.
Failure drop(Probe& probe, Error error) {
  probe.slurm.cancel(probe.answer.jobs, probe.place);
  forget(probe);
  const bool stopped = error.kind == ErrorKind::interrupted || error.kind == ErrorKind::terminated;
  if (stopped && !probe.answer.jobs.empty()) {
    error.hints.push_back(fmt::format("job {} was cancelled, target {} is as it was",
                                      base::join(probe.answer.jobs, ", "), probe.request.name));
  }
  return Failure(std::move(error));
}

void say_waiting(const Probe& probe, const ProbeJobs::Now& now, std::string& said) {
  std::string text = fmt::format("Waiting for job {}", base::join(probe.answer.jobs, ", "));
  if (now.state.state == "RUNNING") text += ", which runs";
  const bool has_reason = !now.state.reason.empty() && now.state.reason != "None";
  if (now.state.state == "PENDING" && has_reason) {
    text += fmt::format(" ({}{})", base::replace_all(now.state.reason, "_", " "),
                        now.start.empty() ? "" : ", may start at " + now.start);
  }
  if (text == said) return;
  said = text;
  probe.seams.reporter.step(text);
}

// Looks at the jobs that have not answered; those that have ended without are noted.
Result<> look_at_jobs(Probe& probe, std::map<std::string, std::string>& ended, std::string& said) {
  for (const std::string& job : probe.answer.jobs) {
    if (ended.contains(job) || has_sight(probe.place.folder / job)) continue;
    const auto now = probe.slurm.look(job);
    if (!now) continue;
    if (now->state.finished) {
      ended.emplace(job, now->state.state);
      continue;
    }
    say_waiting(probe, *now, said);
    probe.answer.reason = now->state.reason;
    if (!now->start.empty()) probe.answer.start = now->start;
    const auto advice = slurm::never_starts(now->state.reason);
    if (!advice) continue;
    return fail_hint(ErrorKind::refused,
                     fmt::format("job {} would wait for ever ({}) and was cancelled", job,
                                 base::replace_all(now->state.reason, "_", " ")),
                     *advice);
  }
  return {};
}

Result<> wait_for_answers(Probe& probe) {
  const auto start = probe.seams.clock.steady();
  auto looked = start - look_interval;
  std::map<std::string, std::string> ended;
  std::string said;
  for (;;) {
    HPCENV_TRY(base::check_interrupt());
    // Ended jobs may have answered on their last breath: the answers are read after the look.
    const auto now = probe.seams.clock.steady();
    const bool over = now - start >= probe.request.patience;
    if (now - looked >= look_interval || over) {
      HPCENV_TRY(look_at_jobs(probe, ended, said));
      looked = now;
    }
    HPCENV_ASSIGN(probe.answer.outcome,
                  settle(probe.place.folder, probe.record, ended, probe.seams.clock));
    if (probe.answer.outcome.state != ProbeOutcome::State::waiting || over) return {};
    probe.seams.clock.sleep(answer_interval);
  }
}

// The last lines of the job's script still lie in the folder.
void wait_for_the_end(Probe& probe) {
  for (int round = 0; round < 20; ++round) {
    const bool all = std::ranges::all_of(probe.answer.jobs, [&](const std::string& job) {
      const auto now = probe.slurm.look(job);
      return !now || now->state.finished || now->state.state == "COMPLETING";
    });
    if (all || !base::check_interrupt()) return;
    probe.seams.clock.sleep(answer_interval);
  }
}

Result<> run_in_place(Probe& probe) {
  HPCENV_ASSIGN(ProbeRequest taken, climb(probe, first_request(probe)));
  if (probe.request.mode == ProbeMode::one) try_short_queues(probe, taken);
  HPCENV_TRY(choose_requests(probe, taken));
  HPCENV_TRY(submit_all(probe));
  std::vector<fs::path> shown{probe.request.directory};
  for (fs::path& path : shared_directories(probe.locations, probe.seams.reader.environment())) {
    shown.push_back(std::move(path));
  }
  probe.record.tokens = put_tokens(shown);
  fill_record(probe, taken);
  HPCENV_TRY(write_record(probe.record, probe.place.folder));
  HPCENV_TRY(register_probe(probe.locations, probe.record, probe.place.folder));
  return wait_for_answers(probe);
}

Failure nobody_answered(Probe& probe) {
  const std::string problem = probe.answer.outcome.problem;
  return drop(
      probe,
      Error{ErrorKind::refused,
            "nothing was seen of the nodes: " + problem,
            {},
            {fmt::format("target {} is as it was; nothing is guessed", probe.request.name)}});
}

Result<SlurmTargetAnswer> finish(Probe& probe) {
  using State = ProbeOutcome::State;
  if (probe.answer.outcome.state == State::failed) return nobody_answered(probe);
  if (probe.answer.outcome.state == State::written) {
    wait_for_the_end(probe);
    forget(probe);
  }
  return std::move(probe.answer);
}

// Whether the job never got as far as its script: the folder is not there on the node.
bool never_began(const Probe& probe) {
  return probe.answer.outcome.state == ProbeOutcome::State::failed &&
         std::ranges::none_of(probe.answer.jobs, [&](const std::string& job) {
           return base::path_exists(probe.place.folder / (job + ".out"));
         });
}

Result<Probe> prepare(const SlurmTargetRequest& request, const Locations& locations,
                      const LocalSeams& seams) {
  HPCENV_ASSIGN(SiteAnswer site, site_profile(SiteAge::fresh, seams));
  if (!site.problem.empty()) {
    return fail_hint(ErrorKind::network, site.problem, "`scontrol ping` shows when it is back");
  }
  slurm::ProbeWish wish{request.probe, request.says_gpus, request.stored.text(ReachField::time)};
  const base::Environment& environment = seams.reader.environment();
  const auto of_environment = [&](std::string& value, const char* variable) {
    const std::string found = environment.get_or(variable, "");
    if (!value.empty() || found.empty()) return false;
    value = found;
    return true;
  };
  const bool account = of_environment(wish.request.account, "SBATCH_ACCOUNT");
  const bool qos = of_environment(wish.request.qos, "SBATCH_QOS");
  HPCENV_ASSIGN(slurm::ProbePlan plan, slurm::plan_probe(wish, site.site));
  plan.choices.account_of_environment = account;
  plan.choices.qos_of_environment = qos;
  return Probe{request,
               locations,
               seams,
               std::move(site.site),
               std::move(plan),
               ProbeJobs(seams.runner, environment),
               {},
               {},
               {},
               {},
               {}};
}

}  // namespace

std::string_view name_of(ProbeMode mode) {
  constexpr std::array<std::string_view, 3> names{"one", "per-feature", "all-nodes"};
  return names[static_cast<std::size_t>(mode)];
}

Result<SlurmTargetAnswer> make_slurm_target(const SlurmTargetRequest& request,
                                            const Locations& locations, const LocalSeams& seams) {
  seams.reporter.step("Asking Slurm");
  HPCENV_ASSIGN(Probe probe, prepare(request, locations, seams));
  HPCENV_ASSIGN(const fs::path program, program_for(probe.plan.arch));
  HPCENV_TRY(base::make_directories(request.directory));
  const auto parents = probe_parents(locations, seams.reader.environment());
  if (parents.empty()) {
    return fail_hint(ErrorKind::refused, "there is no directory of yours that nodes could see too",
                     "name one on a shared file system: SCRATCH=DIR " + request.command);
  }
  probe.answer.notes = probe.plan.notes;
  for (const fs::path& parent : parents) {
    sweep_probe_places(parent, seams.clock.now());
    HPCENV_ASSIGN(probe.place, make_probe_place(parent, program, request.version));
    if (auto ran = run_in_place(probe); !ran) return drop(probe, std::move(ran).error());
    if (!never_began(probe) || parent == parents.back()) break;
    forget(probe);
    probe.answer = {};
    probe.answer.notes = {fmt::format("the nodes do not see {}", parent.native())};
  }
  return finish(probe);
}

}  // namespace hpcenv::ops
