#include "ops/examination.hpp"

#include <algorithm>
#include <utility>

#include "host/node_profile.hpp"
#include "host/target.hpp"

namespace hpcenv::ops {

namespace {

/// The nodes to judge: those of the target, or this one.
Result<std::vector<host::NodeProfile>> nodes_of(const ExaminationRequest& request,
                                                const Locations& locations, const Seams& seams) {
  if (!request.target.empty()) {
    HPCENV_ASSIGN(
        host::Target target,
        host::load_target(request.target, host::target_directories(seams.reader.environment()),
                          locations.working_directory));
    return std::move(target.nodes);
  }
  seams.reporter.step("Looking at this machine");
  HPCENV_ASSIGN(host::NodeProfile here, host::probe_node(seams.reader, seams.runner, seams.clock,
                                                         host::ProbeDepth::automatic));
  std::vector<host::NodeProfile> nodes;
  nodes.push_back(std::move(here));
  return nodes;
}

}  // namespace

Result<Examination> examine_machine(const ExaminationRequest& request, const Locations& locations,
                                    const Seams& seams) {
  HPCENV_ASSIGN(const std::vector<doctor::Check> checks, doctor::select_checks(request.selection));
  doctor::Subject subject;
  subject.target = request.target;
  subject.reader = &seams.reader;
  subject.scan_cache = request.scan_cache;
  subject.paths = {{"environments", locations.environments().string()},
                   {"package cache", locations.packages().string()}};
  std::optional<prefix::PrefixState> state;
  if (request.environment) {
    HPCENV_ASSIGN(state, prefix::read_state_leniently(request.environment->prefix,
                                                      subject.unreadable_records));
    subject.environment = &*state;
    subject.environment_name = request.environment->name;
  }
  HPCENV_ASSIGN(const std::vector<host::NodeProfile> nodes, nodes_of(request, locations, seams));
  seams.reporter.step("Checking");
  Examination examination;
  examination.machine = request.target.empty() ? nodes.front().hostname : request.target;
  examination.oldest_profile = nodes.front().taken_at;
  std::vector<std::vector<doctor::Finding>> findings;
  std::vector<std::string> names;
  for (const host::NodeProfile& node : nodes) {
    subject.profile = &node;
    findings.push_back(doctor::examine(subject, checks));
    names.push_back(node.hostname);
    examination.oldest_profile = std::min(examination.oldest_profile, node.taken_at);
  }
  examination.findings = doctor::worst_of(findings, names);
  return examination;
}

}  // namespace hpcenv::ops
