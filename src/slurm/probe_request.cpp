#include "slurm/probe_request.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.hpp"

namespace hpcenv::slurm {
namespace {

constexpr std::uint64_t short_seconds = std::uint64_t{3} * 3600;
constexpr std::array<std::string_view, 5> spelling_names{"gres", "gres", "gpus-per-node", "gpus",
                                                         "none"};

std::string count_text(const ProbeRequest& request) {
  const std::string count = std::to_string(request.gpus);
  return request.gpu_type.empty() ? count : request.gpu_type + ":" + count;
}

std::string gpu_option(const ProbeRequest& request) {
  switch (request.spelling) {
    case GpuSpelling::gres_type:
      return "--gres=gpu:" + count_text(request);
    case GpuSpelling::gres:
      return "--gres=gpu:" + std::to_string(request.gpus);
    case GpuSpelling::gpus_per_node:
      return "--gpus-per-node=" + count_text(request);
    case GpuSpelling::gpus:
      return "--gpus=" + count_text(request);
    case GpuSpelling::none:
      break;
  }
  return "";
}

std::uint64_t gpus_in(const SiteNode& node, const std::string& type) {
  std::uint64_t count = 0;
  for (const Gpus& gpus : gpus_of_gres(node.gres)) {
    if (type.empty() || gpus.type == type) count += gpus.count;
  }
  return count;
}

bool is_plain(std::string_view constraint) {
  return std::ranges::all_of(constraint, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.' || c == ':' || c == '&';
  });
}

bool has_feature(const std::vector<std::string>& features, std::string_view feature) {
  return std::ranges::find(features, feature) != features.end();
}

bool fits(const SiteNode& node, const ProbeRequest& wanted) {
  const bool in_partition =
      wanted.partition.empty() ||
      std::ranges::any_of(base::split(wanted.partition, ','), [&](std::string_view name) {
        return has_feature(node.partitions, name);
      });
  if (!in_partition || !is_usable(node)) return false;
  if (wanted.gpus > 0 && wanted.spelling != GpuSpelling::none &&
      gpus_in(node, wanted.gpu_type) < wanted.gpus) {
    return false;
  }
  if (wanted.constraint.empty() || !is_plain(wanted.constraint)) return true;
  return std::ranges::all_of(base::split(wanted.constraint, '&'), [&](std::string_view feature) {
    return has_feature(node.features, feature);
  });
}

// "gpu:a100:2(S:0-1)" is the same kind on whichever sockets.
std::string without_sockets(std::string_view gres) {
  std::string text;
  int depth = 0;
  for (const char c : gres) {
    depth += c == '(' ? 1 : 0;
    if (depth == 0) text += c;
    depth -= c == ')' ? 1 : 0;
  }
  return text;
}

bool sounds_short(std::string_view name) {
  const std::string lower = base::to_lower(name);
  return std::ranges::any_of(
      std::array<std::string_view, 5>{"debug", "dev", "test", "short", "express"},
      [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

bool is_open_as(const Partition& queue, const Partition& partition) {
  const auto no_narrower = [](const std::vector<std::string>& one,
                              const std::vector<std::string>& other) {
    return one.empty() || one == other;
  };
  return no_narrower(queue.allow_accounts, partition.allow_accounts) &&
         no_narrower(queue.allow_groups, partition.allow_groups) &&
         no_narrower(queue.allow_qos, partition.allow_qos);
}

bool holds_only(const SiteProfile& site, std::string_view queue,
                const std::vector<NodeKind>& kinds) {
  ProbeRequest all;
  all.partition = queue;
  const auto held = node_kinds(site, all);
  return !held.empty() && std::ranges::all_of(held, [&](const NodeKind& kind) {
    return std::ranges::any_of(kinds, [&](const NodeKind& wanted) {
      return wanted.gres == kind.gres && wanted.features == kind.features &&
             wanted.arch == kind.arch;
    });
  });
}

void put(Reach& reach, ReachField field, const std::string& value, ReachSource source,
         std::int64_t now) {
  if (!value.empty()) reach.set(field, {{value}, source, now});
}

}  // namespace

std::string_view name_of(GpuSpelling spelling) {
  return spelling_names[static_cast<std::size_t>(spelling)];
}

std::vector<std::string> probe_options(const ProbeRequest& request) {
  std::vector<std::string> words{"--job-name=hpcenv-probe", "--nodes=1"};
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) words.push_back(option + value);
  };
  if (request.says_tasks) words.emplace_back("--ntasks=1");
  add("--time=", request.time);
  add("--partition=", request.partition);
  add("--account=", request.account);
  add("--qos=", request.qos);
  add("--constraint=", request.constraint);
  add("--nodelist=", request.node);
  add("--mem=", request.memory);
  if (request.gpus > 0) add("", gpu_option(request));
  if (request.whole_node) words.emplace_back("--exclusive");
  words.insert(words.end(), request.options.begin(), request.options.end());
  return words;
}

std::vector<NodeKind> node_kinds(const SiteProfile& site, const ProbeRequest& wanted) {
  std::vector<NodeKind> kinds;
  for (const SiteNode& node : site.nodes) {
    if (!fits(node, wanted)) continue;
    NodeKind kind{without_sockets(node.gres), node.features, node.arch, {}};
    std::ranges::sort(kind.features);
    const auto same = std::ranges::find_if(kinds, [&](const NodeKind& known) {
      return known.gres == kind.gres && known.features == kind.features && known.arch == kind.arch;
    });
    if (same == kinds.end()) {
      kinds.push_back(std::move(kind));
      kinds.back().nodes.push_back(node.name);
    } else {
      same->nodes.push_back(node.name);
    }
  }
  return kinds;
}

std::string constraint_for(const NodeKind& kind, const std::vector<NodeKind>& all) {
  std::vector<std::string> telling;
  for (const std::string& feature : kind.features) {
    const bool shared = std::ranges::all_of(
        all, [&](const NodeKind& other) { return has_feature(other.features, feature); });
    if (!shared) telling.push_back(feature);
  }
  const bool ambiguous = std::ranges::any_of(all, [&](const NodeKind& other) {
    return &other != &kind && std::ranges::all_of(telling, [&](const std::string& feature) {
      return has_feature(other.features, feature);
    });
  });
  return ambiguous ? "" : base::join(telling, "&");
}

std::string both_constraints(const std::string& one, const std::string& other) {
  if (one.empty() || other.empty()) return one + other;
  return is_plain(one) ? one + "&" + other : "(" + one + ")&" + other;
}

std::vector<std::string> short_queues(const SiteProfile& site, std::string_view partition,
                                      const std::vector<NodeKind>& kinds) {
  std::vector<std::string> queues;
  const Partition* chosen = find_partition(site, partition);
  if (chosen == nullptr) return queues;
  for (const Partition& queue : site.partitions) {
    const auto limit = time_seconds(queue.time_limit);
    const bool is_candidate = &queue != chosen && queue.state == "up" && sounds_short(queue.name) &&
                              limit && *limit <= short_seconds && queue.min_nodes <= 1;
    if (is_candidate && is_open_as(queue, *chosen) && holds_only(site, queue.name, kinds)) {
      queues.push_back(queue.name);
    }
  }
  return queues;
}

std::vector<std::string> short_qos(const SiteProfile& site) {
  std::vector<std::string> found;
  for (const Association& association : site.associations) {
    for (const std::string& qos : association.qos) {
      if (sounds_short(qos) && !has_feature(found, qos)) found.push_back(qos);
    }
  }
  return found;
}

Reach reach_of(const ProbeRequest& request, const SiteProfile& site, std::int64_t now) {
  Reach reach;
  const auto user = ReachSource::user;
  put(reach, ReachField::partition, request.partition, user, now);
  put(reach, ReachField::account, request.account, user, now);
  put(reach, ReachField::qos, request.qos, user, now);
  put(reach, ReachField::constraint, request.constraint, user, now);
  put(reach, ReachField::gpu_type, request.gpu_type, user, now);
  if (request.gpus > 0) put(reach, ReachField::gpus, std::to_string(request.gpus), user, now);
  put(reach, ReachField::gpu_option, std::string(name_of(request.spelling)), ReachSource::slurm,
      now);
  if (!request.options.empty()) reach.set(ReachField::options, {request.options, user, now});
  const Partition* partition = find_partition(site, request.partition);
  if (partition == nullptr) return reach;
  const auto limit = time_seconds(partition->time_limit);
  if (limit && *limit < time_seconds("infinite")) {
    put(reach, ReachField::time_max, partition->time_limit, ReachSource::slurm, now);
  }
  if (partition->whole_nodes) {
    put(reach, ReachField::whole_node, "implied", ReachSource::slurm, now);
  }
  return reach;
}

ProbeRequest request_of(const Reach& reach) {
  ProbeRequest request;
  request.partition = reach.text(ReachField::partition);
  request.account = reach.text(ReachField::account);
  request.qos = reach.text(ReachField::qos);
  request.constraint = reach.text(ReachField::constraint);
  request.gpus = base::parse_unsigned(reach.text(ReachField::gpus)).value_or(0);
  request.gpu_type = reach.text(ReachField::gpu_type);
  request.options = reach.values(ReachField::options);
  const std::string spelling = reach.text(ReachField::gpu_option);
  const auto known = std::ranges::find(spelling_names, spelling);
  if (known != spelling_names.end()) {
    request.spelling = static_cast<GpuSpelling>(known - spelling_names.begin());
  }
  if (request.spelling == GpuSpelling::gres_type && request.gpu_type.empty()) {
    request.spelling = GpuSpelling::gres;
  }
  // What the site wants of every job; what the user wants of long ones is too much for a short one.
  const ReachFact* memory = reach.find(ReachField::memory);
  const bool is_wanted = memory != nullptr && memory->source != ReachSource::user &&
                         memory->values.front() != "forbidden";
  if (is_wanted) request.memory = memory->values.front();
  if (reach.has(ReachField::probe_time)) request.time = reach.text(ReachField::probe_time);
  request.whole_node = reach.text(ReachField::whole_node) == "exclusive";
  return request;
}

}  // namespace hpcenv::slurm
