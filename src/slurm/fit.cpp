#include <algorithm>

#include "base/text.hpp"
#include "slurm/job_request.hpp"

namespace hpcenv::slurm {
namespace {

struct GpuOffer {
  std::uint64_t most = 0;          ///< of the wanted type on one node
  std::vector<std::string> types;  ///< "a100 (2 a node)"
};

GpuOffer offer_of(const Partition& partition, const Gpus& wanted) {
  GpuOffer offer;
  for (const std::string& gres : partition.gres) {
    std::uint64_t on_node = 0;
    for (const Gpus& gpus : gpus_of_gres(gres)) {
      const std::string type = gpus.type.empty() ? "gpu" : gpus.type;
      offer.types.push_back(fmt::format("{} ({} a node)", type, gpus.count));
      if (wanted.type.empty() || gpus.type == wanted.type) on_node += gpus.count;
    }
    offer.most = std::max(offer.most, on_node);
  }
  return offer;
}

std::string partitions_with_gpus(const SiteProfile& site, const Gpus& wanted) {
  std::vector<std::string> names;
  for (const Partition& partition : site.partitions) {
    if (offer_of(partition, wanted).most >= std::max<std::uint64_t>(wanted.count, 1)) {
      names.push_back(partition.name);
    }
  }
  return names.empty() ? "no partition here has them; sinfo -o '%P %G' shows what there is"
                       : "partitions that have them: " + base::join(names, ", ");
}

Result<> check_gpus(const JobRequest& request, const Partition& partition,
                    const SiteProfile& site) {
  const auto wanted = parse_gpus(request.gpus);
  if (request.gpus.empty() || !wanted) return {};
  const GpuOffer offer = offer_of(partition, *wanted);
  if (wanted->count <= offer.most) return {};
  const std::string hint = partitions_with_gpus(site, *wanted);
  if (offer.types.empty()) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("the nodes of partition '{}' have no GPU", partition.name), hint);
  }
  return fail_hint(ErrorKind::refused,
                   fmt::format("no node of partition '{}' has --gpus {}: it offers {}",
                               partition.name, request.gpus, base::join(offer.types, ", ")),
                   hint);
}

Result<> check_time(const JobRequest& request, const Partition& partition) {
  const auto wanted = time_seconds(request.time);
  const auto limit = time_seconds(partition.time_limit);
  // A QOS may lift the partition's limit.
  if (request.time.empty() || !request.qos.empty() || !wanted || !limit || *wanted <= *limit)
    return {};
  return fail_hint(ErrorKind::refused,
                   fmt::format("--time {} is over the limit of partition '{}', which is {}",
                               request.time, partition.name, partition.time_limit),
                   "such a job would wait for ever: ask for less, or name another partition "
                   "(sinfo -o '%P %l' shows the limits)");
}

bool holds(const std::vector<std::string>& list, std::string_view name) {
  return list.empty() || std::ranges::find(list, name) != list.end();
}

/// Slurm takes such a job and lets it wait for ever.
Result<> check_account(const JobRequest& request, const Partition& partition,
                       const SiteProfile& site) {
  const std::string& account = request.account.empty() ? site.default_account : request.account;
  if (holds(partition.allow_accounts, account)) return {};
  const std::string whose =
      account.empty() ? "without an account" : fmt::format("of account '{}'", account);
  return fail_hint(ErrorKind::refused,
                   fmt::format("partition '{}' takes no jobs {}: they would wait for ever",
                               partition.name, whose),
                   fmt::format("name one that it takes with --account: {}",
                               base::join(partition.allow_accounts, ", ")));
}

Result<> check_qos(const JobRequest& request, const Partition& partition) {
  if (request.qos.empty() || holds(partition.allow_qos, request.qos)) return {};
  return fail_hint(
      ErrorKind::refused,
      fmt::format("partition '{}' takes no jobs of --qos {}", partition.name, request.qos),
      fmt::format("those that it takes: {}", base::join(partition.allow_qos, ", ")));
}

Result<> check_nodes(const JobRequest& request, const Partition& partition) {
  const std::string& text = request.nodes;
  const auto least = base::parse_unsigned(text.substr(0, text.find('-'))).value_or(1);
  const auto most = base::parse_unsigned(text.substr(text.rfind('-') + 1)).value_or(least);
  const std::string shown = text.empty() ? "1" : text;
  if (most < partition.min_nodes) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("partition '{}' wants jobs of {} nodes or more, not of {}",
                                 partition.name, partition.min_nodes, shown),
                     "ask for more with --nodes, or name another partition");
  }
  const std::uint64_t largest = partition.max_nodes == 0
                                    ? std::max<std::uint64_t>(partition.nodes.size(), 1)
                                    : partition.max_nodes;
  if (least <= largest) return {};
  return fail_hint(ErrorKind::refused,
                   fmt::format("--nodes {} is more than partition '{}' gives to a job, which is {}",
                               shown, partition.name, largest),
                   "such a job would wait for ever: ask for fewer, or name another partition");
}

Result<> check_fit(const JobRequest& request, const Partition& partition, const SiteProfile& site) {
  HPCENV_TRY(check_account(request, partition, site));
  HPCENV_TRY(check_qos(request, partition));
  HPCENV_TRY(check_nodes(request, partition));
  HPCENV_TRY(check_gpus(request, partition, site));
  return check_time(request, partition);
}

/// Those that the job can land in. Where it names none and rules of the site may choose, nobody
/// knows.
std::vector<const Partition*> partitions_of(const JobRequest& request, const SiteProfile& site) {
  std::vector<const Partition*> partitions;
  if (!request.partition.empty()) {
    for (const std::string_view name : base::split(request.partition, ',')) {
      partitions.push_back(find_partition(site, name));
    }
  } else if (site.submit_plugins.empty() && site.client_filters.empty()) {
    for (const Partition& partition : site.partitions) {
      if (partition.is_default) partitions.push_back(&partition);
    }
  }
  return partitions;
}

/// Of those that the database knows; without one any name is taken.
Result<> check_association(const JobRequest& request, const SiteProfile& site) {
  const bool enforced = std::ranges::find(site.enforced, "associations") != site.enforced.end();
  if (request.account.empty() || site.associations.empty() || !enforced) return {};
  std::vector<std::string> accounts;
  for (const Association& association : site.associations) {
    if (association.account == request.account) return {};
    const auto known = std::ranges::find(accounts, association.account);
    if (known == accounts.end()) accounts.push_back(association.account);
  }
  return fail_hint(ErrorKind::refused,
                   fmt::format("you cannot use --account {} here", request.account),
                   fmt::format("your accounts: {}", base::join(accounts, ", ")));
}

}  // namespace

Result<> validate_against_site(const JobRequest& request, const SiteProfile& site) {
  if (site.partitions.empty() || !request.cluster.empty()) return {};
  HPCENV_TRY(check_association(request, site));
  if (!request.partition.empty()) {
    for (const std::string_view name : base::split(request.partition, ',')) {
      if (find_partition(site, name) == nullptr) return Failure(unknown_partition(name, site));
    }
  }
  Result<> last;
  for (const Partition* partition : partitions_of(request, site)) {
    last = check_fit(request, *partition, site);
    if (last) return {};
  }
  return last;
}

std::vector<std::string> site_warnings(const JobRequest& request, const SiteProfile& site) {
  std::vector<std::string> warnings;
  for (const Partition* partition : partitions_of(request, site)) {
    if (partition != nullptr && base::to_lower(partition->state) != "up") {
      warnings.push_back(fmt::format("partition '{}' is {}: the job waits until it is up again",
                                     partition->name, base::to_lower(partition->state)));
    }
  }
  return warnings;
}

}  // namespace hpcenv::slurm
