#include "slurm/site_show.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <string>

#include "base/text.hpp"

namespace hpcenv::slurm {
namespace {

using Fields = std::map<std::string, std::string, std::less<>>;

bool is_key(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_';
  });
}

// "NodeName=a OS=Linux 6.1 #1 State=IDLE": what is no KEY=VALUE belongs to the value before. The
// first of two keys counts: comments of the site come last.
Fields fields_of(std::string_view line) {
  Fields fields;
  std::string* value = nullptr;
  for (const std::string_view word : base::split_words(line)) {
    const std::size_t equals = word.find('=');
    const bool starts = equals != std::string_view::npos && is_key(word.substr(0, equals));
    if (starts) {
      const auto [at, added] =
          fields.try_emplace(std::string(word.substr(0, equals)), word.substr(equals + 1));
      value = added ? &at->second : nullptr;
    } else if (value != nullptr) {
      value->append(" ").append(word);
    }
  }
  return fields;
}

// Empty for what Slurm writes where there is no value.
std::string known(const Fields& fields, std::string_view key) {
  const auto found = fields.find(key);
  if (found == fields.end()) return "";
  const std::string& value = found->second;
  const bool none = value == "(null)" || value == "N/A" || value == "NONE" || value == "none" ||
                    value == "UNLIMITED" || value == "ALL" || value == "Unknown";
  return none ? "" : value;
}

std::uint64_t number(const Fields& fields, std::string_view key) {
  return base::parse_unsigned(known(fields, key)).value_or(0);
}

std::vector<std::string> list(std::string_view text) {
  std::vector<std::string> values;
  for (const std::string_view value : base::split(text, ',')) {
    if (!base::trim(value).empty()) values.emplace_back(base::trim(value));
  }
  return values;
}

// "Def" or "Max": "4000 MB per CPU".
std::string memory(const Fields& fields, const std::string& which) {
  const std::string per_cpu = known(fields, which + "MemPerCPU");
  if (!per_cpu.empty() && per_cpu != "0") return per_cpu + " MB per CPU";
  const std::string per_node = known(fields, which + "MemPerNode");
  return per_node.empty() || per_node == "0" ? "" : per_node + " MB per node";
}

Partition partition_of(const Fields& fields) {
  Partition partition;
  partition.name = known(fields, "PartitionName");
  partition.is_default = known(fields, "Default") == "YES";
  partition.state = base::to_lower(known(fields, "State"));
  const auto limit = fields.find("MaxTime");
  partition.time_limit = limit == fields.end() ? "" : limit->second;
  partition.default_time = known(fields, "DefaultTime");
  partition.allow_accounts = list(known(fields, "AllowAccounts"));
  partition.allow_groups = list(known(fields, "AllowGroups"));
  partition.allow_qos = list(known(fields, "AllowQos"));
  partition.qos = known(fields, "QoS");
  partition.min_nodes = number(fields, "MinNodes");
  partition.max_nodes = number(fields, "MaxNodes");
  partition.whole_nodes = known(fields, "OverSubscribe") == "EXCLUSIVE";
  partition.default_memory = memory(fields, "Def");
  partition.max_memory = memory(fields, "Max");
  partition.job_defaults = known(fields, "JobDefaults");
  return partition;
}

SiteNode node_of(const Fields& fields) {
  SiteNode node;
  node.name = known(fields, "NodeName");
  node.arch = known(fields, "Arch");
  node.address = known(fields, "NodeAddr");
  node.host_name = known(fields, "NodeHostName");
  node.state = known(fields, "State");
  node.gres = known(fields, "Gres");
  node.features = list(known(fields, "AvailableFeatures"));
  node.partitions = list(known(fields, "Partitions"));
  node.memory_mb = number(fields, "RealMemory");
  node.cpus = number(fields, "CPUTot");
  node.local_disk_mb = number(fields, "TmpDisk");
  return node;
}

void add_distinct(std::vector<std::string>& values, const std::string& value) {
  if (std::ranges::find(values, value) == values.end()) values.push_back(value);
}

void join_nodes(SiteProfile& site) {
  std::map<std::string_view, Partition*> by_name;
  for (Partition& partition : site.partitions) by_name[partition.name] = &partition;
  for (const SiteNode& node : site.nodes) {
    for (const std::string& name : node.partitions) {
      const auto found = by_name.find(name);
      if (found == by_name.end()) continue;
      found->second->nodes.push_back(node.name);
      if (!node.gres.empty()) add_distinct(found->second->gres, node.gres);
    }
  }
}

}  // namespace

void parse_configuration(std::string_view text, SiteProfile& site) {
  Fields fields;
  for (const std::string_view line : base::split_lines(text)) {
    const std::size_t equals = line.find(" = ");
    if (equals == std::string_view::npos) continue;
    fields.try_emplace(std::string(base::trim(line.substr(0, equals))),
                       base::trim(line.substr(equals + 3)));
  }
  site.cluster = known(fields, "ClusterName");
  site.slurm_version = known(fields, "SLURM_VERSION");
  site.submit_plugins = list(known(fields, "JobSubmitPlugins"));
  site.client_filters = list(known(fields, "CliFilterPlugins"));
  site.enforced = list(known(fields, "AccountingStorageEnforce"));
  site.has_database = known(fields, "AccountingStorageType").ends_with("slurmdbd");
  site.allocates_memory =
      base::to_lower(known(fields, "SelectTypeParameters")).find("memory") != std::string::npos;
  site.default_memory = memory(fields, "Def");
  site.mpi_default = known(fields, "MpiDefault");
  const auto limits = fields.find("EnforcePartLimits");
  site.enforce_part_limits = limits == fields.end() ? "" : limits->second;
  site.local_disk = known(fields, "TmpFS");
}

Result<> parse_partitions(std::string_view partitions, std::string_view nodes, SiteProfile& site) {
  for (const std::string_view line : base::split_lines(partitions)) {
    Partition partition = partition_of(fields_of(line));
    if (!partition.name.empty()) site.partitions.push_back(std::move(partition));
  }
  for (const std::string_view line : base::split_lines(nodes)) {
    SiteNode node = node_of(fields_of(line));
    if (!node.name.empty()) site.nodes.push_back(std::move(node));
  }
  const std::string_view said = base::trim(partitions);
  if (site.partitions.empty() && !said.empty() && !said.starts_with("No ")) {
    return fail(ErrorKind::refused, "cannot read what scontrol says of partitions: {}",
                base::split_lines(said).front());
  }
  join_nodes(site);
  return {};
}

void parse_associations(std::string_view text, SiteProfile& site) {
  constexpr std::size_t columns = 5;
  for (const std::string_view line : base::split_lines(text)) {
    const auto fields = base::split(line, '|');
    if (fields.size() < columns || fields[1].empty()) continue;
    if (!site.cluster.empty() && fields[0] != site.cluster) continue;
    site.associations.push_back(
        {std::string(fields[1]), std::string(fields[2]), list(fields[3]), std::string(fields[4])});
  }
}

void parse_default_account(std::string_view text, SiteProfile& site) {
  const auto lines = base::split_lines(text);
  if (!lines.empty()) site.default_account = base::trim(base::split(lines.front(), '|').front());
}

}  // namespace hpcenv::slurm
