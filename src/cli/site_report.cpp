#include "cli/site_report.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include "base/text.hpp"
#include "cli/fact_sheet.hpp"

namespace hpcenv::cli {
namespace {

using slurm::Partition;
using slurm::SiteNode;
using slurm::SiteProfile;
using Rows = std::vector<std::vector<std::string>>;
using Nodes = std::vector<const SiteNode*>;

constexpr std::uint64_t mebibyte = 1U << 20U;

std::string joined(const std::set<std::string>& values, const char* none = "") {
  if (values.empty()) return none;
  return base::join(std::vector<std::string>(values.begin(), values.end()), ", ");
}

Nodes nodes_of(const Partition& partition, const SiteProfile& site) {
  Nodes nodes;
  for (const SiteNode& node : site.nodes) {
    if (std::ranges::find(node.partitions, partition.name) != node.partitions.end()) {
      nodes.push_back(&node);
    }
  }
  return nodes;
}

std::string gpus_cell(const Nodes& nodes) {
  std::set<std::string> kinds;
  for (const SiteNode* node : nodes) {
    for (const slurm::Gpus& gpus : slurm::gpus_of_gres(node->gres)) {
      kinds.insert(gpus.type.empty() ? std::to_string(gpus.count)
                                     : fmt::format("{} x {}", gpus.count, gpus.type));
    }
  }
  return joined(kinds, "-");
}

std::string nodes_cell(const Nodes& nodes) {
  const auto usable =
      std::ranges::count_if(nodes, [](const SiteNode* node) { return slurm::is_usable(*node); });
  const auto all = static_cast<std::ptrdiff_t>(nodes.size());
  return usable == all ? std::to_string(all) : fmt::format("{} of {}", usable, all);
}

std::string range_text(const std::string& least, const std::string& most) {
  return least == most ? least : least + " to " + most;
}

std::string size_cell(const Nodes& nodes, std::uint64_t SiteNode::* size) {
  if (nodes.empty()) return "-";
  const auto [least, most] =
      std::ranges::minmax(nodes, {}, [&](const SiteNode* node) { return node->*size; });
  if (most->*size == 0) return "-";
  return range_text(base::human_bytes(least->*size * mebibyte),
                    base::human_bytes(most->*size * mebibyte));
}

std::string cpus_cell(const Nodes& nodes) {
  if (nodes.empty()) return "-";
  const auto [least, most] = std::ranges::minmax(nodes, {}, &SiteNode::cpus);
  return range_text(std::to_string(least->cpus), std::to_string(most->cpus));
}

std::string distinct_cell(const Nodes& nodes, std::vector<std::string> SiteNode::* list) {
  std::set<std::string> values;
  for (const SiteNode* node : nodes) values.insert((node->*list).begin(), (node->*list).end());
  return joined(values, "-");
}

std::string arch_cell(const Nodes& nodes) {
  std::set<std::string> values;
  for (const SiteNode* node : nodes) {
    if (!node->arch.empty()) values.insert(node->arch);
  }
  return joined(values, "-");
}

std::string partitions_text(const SiteProfile& site) {
  Rows rows{{"Partition", "State", "GPUs on a node", "Nodes", "CPUs", "Memory", "Local disk",
             "Arch", "Time limit", "Features"}};
  for (const Partition& partition : site.partitions) {
    const Nodes nodes = nodes_of(partition, site);
    rows.push_back({partition.name + (partition.is_default ? " (default)" : ""), partition.state,
                    gpus_cell(nodes), nodes_cell(nodes), cpus_cell(nodes),
                    size_cell(nodes, &SiteNode::memory_mb),
                    size_cell(nodes, &SiteNode::local_disk_mb), arch_cell(nodes),
                    base::to_lower(partition.time_limit),
                    distinct_cell(nodes, &SiteNode::features)});
  }
  return table_text(rows);
}

// What a job has to know to be let into a partition.
std::string rules_of(const Partition& partition) {
  std::vector<std::string> rules;
  const auto only = [&](const char* what, const std::vector<std::string>& values) {
    if (!values.empty()) rules.push_back(fmt::format("{} {} only", what, base::join(values, ", ")));
  };
  only("account", partition.allow_accounts);
  only("group", partition.allow_groups);
  only("QOS", partition.allow_qos);
  if (partition.min_nodes > 1)
    rules.push_back(fmt::format("at least {} nodes", partition.min_nodes));
  if (partition.max_nodes > 0)
    rules.push_back(fmt::format("at most {} nodes", partition.max_nodes));
  if (partition.whole_nodes) rules.emplace_back("whole nodes, whatever is asked for");
  if (!partition.qos.empty()) rules.push_back("limits of QOS " + partition.qos);
  if (!partition.default_time.empty()) {
    rules.push_back(partition.default_time + " where a job gives no time");
  }
  if (!partition.default_memory.empty()) {
    rules.push_back(partition.default_memory + " where it gives no memory");
  }
  if (!partition.max_memory.empty()) rules.push_back("at most " + partition.max_memory);
  if (!partition.job_defaults.empty()) rules.push_back(partition.job_defaults);
  return base::join(rules, "; ");
}

std::string memory_rule(const SiteProfile& site) {
  if (!site.allocates_memory) return "not allocated: jobs get what is there, --mem means little";
  return site.default_memory.empty() ? "" : site.default_memory + " where a job gives none";
}

std::string plugin_rule(const SiteProfile& site) {
  std::vector<std::string> plugins = site.submit_plugins;
  plugins.insert(plugins.end(), site.client_filters.begin(), site.client_filters.end());
  if (plugins.empty()) return "";
  return fmt::format(
      "plugins ({}) look at every job: they may ask for options or refuse some, which "
      "only a refusal tells",
      base::join(plugins, ", "));
}

std::string rules_text(const SiteProfile& site, const Output& output) {
  FactSheet sheet("Rules");
  for (const Partition& partition : site.partitions) {
    sheet.add_known(partition.name, rules_of(partition));
  }
  sheet.add_known("memory", memory_rule(site));
  sheet.add_known("submission", plugin_rule(site));
  if (!site.enforced.empty()) {
    sheet.add("accounting", base::join(site.enforced, ", ") + " are enforced");
  }
  if (site.enforce_part_limits == "NO") {
    sheet.add("limits", "not checked at submission: a job over a partition's limit waits for ever");
  }
  sheet.add_known("local disk", site.local_disk);
  sheet.add_known("MPI", site.mpi_default);
  return sheet.text(output.stdout_columns(), output);
}

std::string accounts_text(const SiteProfile& site) {
  if (site.associations.empty()) return "";
  Rows rows{{"Account", "Partition", "QOS", "Default QOS"}};
  for (const slurm::Association& association : site.associations) {
    const bool is_default = association.account == site.default_account;
    rows.push_back({association.account + (is_default ? " (default)" : ""),
                    association.partition.empty() ? "any" : association.partition,
                    base::join(association.qos, ", "), association.default_qos});
  }
  return "\nYour accounts:\n" + table_text(rows);
}

}  // namespace

std::string elapsed_text(std::int64_t seconds) {
  constexpr std::int64_t minute = 60;
  constexpr std::int64_t hour = 3600;
  constexpr std::int64_t day = 86400;
  if (seconds < minute) return "a moment ago";
  if (seconds < hour) return fmt::format("{} min ago", seconds / minute);
  if (seconds < day) return fmt::format("{} h ago", seconds / hour);
  return fmt::format("{} day{} ago", seconds / day, seconds / day == 1 ? "" : "s");
}

std::string site_text(const ops::SiteAnswer& answer, std::int64_t now, const Output& output) {
  const SiteProfile& site = answer.site;
  std::string text = fmt::format("Cluster {}, Slurm {}, asked {}\n\n", site.cluster,
                                 site.slurm_version, elapsed_text(now - site.taken_at));
  text += partitions_text(site) + "\n" + rules_text(site, output) + accounts_text(site);
  return text;
}

}  // namespace hpcenv::cli
