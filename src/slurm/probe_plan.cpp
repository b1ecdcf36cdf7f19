#include "slurm/probe_plan.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"

namespace hpcenv::slurm {
namespace {

using Partitions = std::vector<const Partition*>;

Result<Partitions> partitions_of(const ProbeRequest& request, const SiteProfile& site) {
  Partitions found;
  if (request.partition.empty()) return found;
  for (const std::string_view name : base::split(request.partition, ',')) {
    const Partition* partition = find_partition(site, name);
    if (partition == nullptr) return Failure(unknown_partition(name, site));
    found.push_back(partition);
  }
  return found;
}

Result<> check_time(const std::string& time, const Partition& partition) {
  const auto wanted = time_seconds(time);
  const auto limit = time_seconds(partition.time_limit);
  if (time.empty() || !wanted || !limit || *wanted <= *limit) return {};
  return fail_hint(ErrorKind::refused,
                   fmt::format("{} is over the time limit of partition {}, {}", time,
                               partition.name, partition.time_limit),
                   "give a shorter --time; a job over the limit would wait for ever");
}

Result<> check_account(const Partition& partition, const SiteProfile& site, ProbeRequest& request) {
  const auto& allowed = partition.allow_accounts;
  if (allowed.empty()) return {};
  const auto is_allowed = [&](const std::string& account) {
    return std::ranges::find(allowed, account) != allowed.end();
  };
  if (request.account.empty()) {
    std::set<std::string> own;
    for (const Association& association : site.associations) {
      if (is_allowed(association.account)) own.insert(association.account);
    }
    if (is_allowed(site.default_account)) return {};
    if (own.size() == 1) request.account = *own.begin();
  }
  if (is_allowed(request.account)) return {};
  return fail_hint(ErrorKind::refused,
                   fmt::format("partition {} takes jobs of these accounts only: {}", partition.name,
                               base::join(allowed, ", ")),
                   "name one of yours among them with --account NAME; any other job would wait for "
                   "ever");
}

Result<> check_partition(const Partition& partition, const ProbeWish& wish, const SiteProfile& site,
                         ProbePlan& plan) {
  if (partition.state != "up") {
    return fail_hint(ErrorKind::refused,
                     fmt::format("partition {} is {}", partition.name, partition.state),
                     "`sinfo -p " + partition.name + "` shows when it is up again");
  }
  if (partition.min_nodes > 1) {
    return fail_hint(
        ErrorKind::refused,
        fmt::format("partition {} takes jobs of {} nodes and more only, a probe needs one",
                    partition.name, partition.min_nodes),
        "name another --partition with the same nodes; hpcenv slurm site shows them");
  }
  HPCENV_TRY(check_time(wish.job_time, partition));
  if (!check_time(plan.request.time, partition)) plan.request.time = partition.time_limit;
  return check_account(partition, site, plan.request);
}

Failure no_such_nodes(const ProbeRequest& request, const SiteProfile& site) {
  ProbeRequest any = request;
  any.gpus = 0;
  any.constraint.clear();
  const std::string where =
      request.partition.empty() ? "the cluster" : "partition " + request.partition;
  if (node_kinds(site, any).empty()) {
    return fail_hint(ErrorKind::refused, fmt::format("no node of {} is up", where),
                     "`sinfo -R` says why nodes are down or drained");
  }
  any.gpus = request.gpus;
  const bool has_gpus = !node_kinds(site, any).empty();
  const std::string what = has_gpus ? "the features of --constraint " + request.constraint
                           : request.gpu_type.empty()
                               ? fmt::format("{} GPUs", request.gpus)
                               : fmt::format("{} GPUs of type {}", request.gpus, request.gpu_type);
  return fail_hint(ErrorKind::refused, fmt::format("no node of {} that is up has {}", where, what),
                   "hpcenv slurm site shows what the nodes have");
}

std::set<std::string> gpu_types(const std::vector<NodeKind>& kinds) {
  std::set<std::string> types;
  for (const NodeKind& kind : kinds) {
    for (const Gpus& gpus : gpus_of_gres(kind.gres)) types.insert(gpus.type);
  }
  return types;
}

void take_gpus_of_nodes(const ProbeWish& wish, ProbePlan& plan) {
  const bool all_have = std::ranges::all_of(
      plan.kinds, [](const NodeKind& kind) { return !gpus_of_gres(kind.gres).empty(); });
  const bool some_have = !gpu_types(plan.kinds).empty();
  if (!wish.says_gpus && all_have) {
    plan.request.gpus = 1;
    plan.gpus_of_slurm = true;
  }
  if (!wish.says_gpus && some_have && !all_have) {
    plan.notes.emplace_back(
        "only some of the nodes have GPUs, so none is asked for; --gpus 1 looks at those that do");
  }
  if (plan.request.gpus == 0) {
    plan.request.spelling = GpuSpelling::none;
    return;
  }
  const auto types = gpu_types(plan.kinds);
  if (plan.request.gpu_type.empty() && types.size() == 1 && !types.begin()->empty()) {
    plan.request.gpu_type = *types.begin();
    plan.type_of_slurm = true;
  }
  if (plan.request.gpu_type.empty() && plan.request.spelling == GpuSpelling::gres_type) {
    plan.request.spelling = GpuSpelling::gres;
  }
}

Result<> take_arch(ProbePlan& plan) {
  std::set<std::string> archs;
  for (const NodeKind& kind : plan.kinds) {
    if (!kind.arch.empty()) archs.insert(kind.arch);
  }
  if (archs.size() > 1) {
    return fail_hint(
        ErrorKind::refused,
        fmt::format("these nodes are of several processors: {}",
                    base::join(std::vector<std::string>(archs.begin(), archs.end()), ", ")),
        "a target is of one: choose nodes with --constraint; hpcenv slurm site shows features");
  }
  if (!archs.empty()) plan.arch = *archs.begin();
  return {};
}

void take_choices(const SiteProfile& site, const Partitions& partitions, ProbePlan& plan) {
  const auto add = [](std::vector<std::string>& list, const std::string& value) {
    if (!value.empty() && std::ranges::find(list, value) == list.end()) list.push_back(value);
  };
  add(plan.choices.accounts, site.default_account);
  for (const Association& association : site.associations) {
    add(plan.choices.accounts, association.account);
    for (const std::string& qos : association.qos) add(plan.choices.qos, qos);
  }
  for (const Partition* partition : partitions) {
    const auto limit = time_seconds(partition->time_limit);
    if (limit && (plan.choices.longest_seconds == 0 || *limit < plan.choices.longest_seconds)) {
      plan.choices.longest_seconds = *limit;
    }
  }
}

std::string only_type(const NodeKind& kind) {
  const auto gpus = gpus_of_gres(kind.gres);
  return gpus.size() == 1 ? gpus.front().type : "";
}

void set_type(const NodeKind& kind, const ProbePlan& plan, ProbeRequest& request) {
  if (plan.request.gpu_type.empty() && request.spelling != GpuSpelling::gres) {
    request.gpu_type = only_type(kind);
  }
}

}  // namespace

Result<ProbePlan> plan_probe(const ProbeWish& wish, const SiteProfile& site) {
  ProbePlan plan;
  plan.request = wish.request;
  HPCENV_ASSIGN(const Partitions partitions, partitions_of(wish.request, site));
  for (const Partition* partition : partitions) {
    HPCENV_TRY(check_partition(*partition, wish, site, plan));
  }
  plan.kinds = node_kinds(site, plan.request);
  if (plan.kinds.empty()) return no_such_nodes(plan.request, site);
  take_gpus_of_nodes(wish, plan);
  HPCENV_TRY(take_arch(plan));
  take_choices(site, partitions, plan);
  return plan;
}

std::vector<ProbeRequest> requests_for_nodes(const ProbeRequest& taken, const ProbePlan& plan) {
  std::vector<ProbeRequest> requests;
  for (const NodeKind& kind : plan.kinds) {
    for (const std::string& node : kind.nodes) {
      ProbeRequest& request = requests.emplace_back(taken);
      request.node = node;
      set_type(kind, plan, request);
    }
  }
  return requests;
}

std::vector<ProbeRequest> requests_for_kinds(const ProbeRequest& taken, const ProbePlan& plan,
                                             NodesBy by) {
  std::vector<ProbeRequest> requests;
  for (const NodeKind& kind : plan.kinds) {
    ProbeRequest& request = requests.emplace_back(taken);
    request.node.clear();
    set_type(kind, plan, request);
    const std::string constraint = constraint_for(kind, plan.kinds);
    const bool told_by_type = plan.kinds.size() == gpu_types(plan.kinds).size() &&
                              !request.gpu_type.empty() && plan.request.gpu_type.empty();
    if (!constraint.empty()) {
      request.constraint = both_constraints(plan.request.constraint, constraint);
    } else if (plan.kinds.size() > 1 && by == NodesBy::name && !told_by_type) {
      request.node = kind.nodes.front();
    }
  }
  return requests;
}

}  // namespace hpcenv::slurm
