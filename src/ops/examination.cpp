#include "ops/examination.hpp"

#include <algorithm>
#include <utility>

#include "base/interrupt.hpp"
#include "base/text.hpp"
#include "host/node_profile.hpp"
#include "host/target.hpp"
#include "ops/activate.hpp"
#include "ops/known_scripts.hpp"

namespace hpcenv::ops {

namespace {

struct Nodes {
  std::vector<host::NodeProfile> profiles;
  std::vector<doctor::StoredTarget> targets;  ///< for their age
};

/// The nodes to judge: those of the target, or this one.
Result<Nodes> nodes_of(const ExaminationRequest& request, const Locations& locations,
                       const LocalSeams& seams) {
  Nodes nodes;
  if (!request.target.empty()) {
    HPCENV_ASSIGN(
        host::Target target,
        host::load_target(request.target, host::target_directories(seams.reader.environment()),
                          locations.working_directory));
    nodes.targets.push_back(stored_target(target, seams.reader));
    nodes.profiles = std::move(target.nodes);
    return nodes;
  }
  seams.reporter.step("Looking at this machine");
  HPCENV_ASSIGN(host::NodeProfile here, host::probe_node(seams.reader, seams.runner, seams.clock,
                                                         host::ProbeDepth::automatic));
  nodes.profiles.push_back(std::move(here));
  nodes.targets = stored_targets(seams.reader);
  return nodes;
}

/// "Slurmctld(primary) at login01 is UP": who follows the "at".
void add_slurm_hosts(const doctor::SlurmFacts& slurm, std::vector<std::string>& hosts) {
  for (const slurm::Partition& partition : slurm.site.partitions) {
    hosts.insert(hosts.end(), partition.nodes.begin(), partition.nodes.end());
  }
  const std::vector<std::string_view> words = base::split_words(slurm.ping_text);
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i - 1] == "at") hosts.emplace_back(words[i]);
  }
}

// What is recorded, without recording anything.
std::optional<std::vector<doctor::ActivationScript>> scripts_of(const EnvironmentRef& environment,
                                                                const Locations& locations,
                                                                const host::HostReader& reader) {
  using Entry = doctor::ActivationScript::Entry;
  std::vector<doctor::ActivationScript> scripts;
  if (activate_scripts(environment.prefix).empty()) return scripts;
  const auto record = record_of(environment, locations, reader);
  if (!record) return std::nullopt;
  for (const ScriptVerdict& verdict : record->scripts) {
    const bool refused = verdict.kind == ScriptClass::refused;
    const bool live = verdict.kind == ScriptClass::live;
    scripts.push_back({script_name(verdict.path),
                       refused ? Entry::refused : (live ? Entry::live : Entry::recorded),
                       verdict.reason});
  }
  return scripts;
}

Examination judged(const ExaminationRequest& request, std::span<const doctor::Check> checks,
                   const std::vector<host::NodeProfile>& nodes, doctor::Subject& subject) {
  Examination examination;
  examination.machine = request.target.empty() ? nodes.front().hostname : request.target;
  examination.oldest_profile =
      request.target.empty() ? nodes.front().taken_at : subject.targets.front().oldest;
  std::vector<std::vector<doctor::Finding>> findings;
  std::vector<std::string> names;
  for (const host::NodeProfile& node : nodes) {
    subject.profile = &node;
    findings.push_back(doctor::examine(subject, checks));
    names.push_back(node.hostname);
  }
  examination.findings = doctor::worst_of(findings, names);
  examination.hosts = std::move(names);
  if (subject.slurm) add_slurm_hosts(*subject.slurm, examination.hosts);
  return examination;
}

}  // namespace

host::NamedPaths examined_places(const ExaminationRequest& request, const Locations& locations,
                                 const host::HostReader& reader) {
  const base::Environment& environment = reader.environment();
  const auto root_there = reader.taken_at() ? environment.get("HPCENV_ROOT") : std::nullopt;
  const std::string folder = root_there ? *root_there + "/envs" : locations.environments().string();
  const std::string cache = root_there ? *root_there + "/pkgs" : locations.packages().string();
  host::NamedPaths places;
  bool inside = false;
  if (request.environment) {
    const std::string prefix = request.environment->prefix.string();
    places.emplace_back("environment", prefix);
    inside = prefix.starts_with(folder + "/");
  }
  if (!inside) places.emplace_back("environments", folder);
  places.emplace_back("package cache", cache);
  const std::string home = environment.get_or("HOME", "");
  if (home.starts_with('/')) places.emplace_back("home", home);
  places.emplace_back("temporary files", environment.get_or("TMPDIR", "/tmp"));
  return places;
}

Result<Examination> examine_machine(const ExaminationRequest& request, const Locations& locations,
                                    const LocalSeams& seams) {
  HPCENV_ASSIGN(const std::vector<doctor::Check> checks, doctor::select_checks(request.selection));
  doctor::Subject subject;
  subject.target = request.target;
  subject.reader = &seams.reader;
  subject.scan_cache = request.scan_cache;
  subject.now = seams.clock.now();
  std::optional<prefix::PrefixState> state;
  if (request.environment) {
    HPCENV_ASSIGN(state, prefix::read_state_leniently(request.environment->prefix,
                                                      subject.unreadable_records));
    subject.environment = &*state;
    subject.environment_name = request.environment->name;
    subject.activation_scripts = scripts_of(*request.environment, locations, seams.reader);
  }
  HPCENV_ASSIGN(Nodes nodes, nodes_of(request, locations, seams));
  subject.targets = std::move(nodes.targets);
  seams.reporter.step("Checking");
  const AskRequest questions{examined_places(request, locations, seams.reader),
                             request.network ? &*request.network : nullptr};
  ask_others(checks, questions, seams, subject);
  HPCENV_TRY(base::check_interrupt());
  return judged(request, checks, nodes.profiles, subject);
}

}  // namespace hpcenv::ops
