#include "cli/target_view.hpp"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/output.hpp"
#include "cli/render.hpp"
#include "doctor/subject_facts.hpp"
#include "slurm/reach.hpp"

namespace hpcenv::cli {

namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string driver_cell(const host::NodeProfile& node) {
  return node.nvidia.kernel_module.empty() ? "none" : node.nvidia.kernel_module;
}

const char* who_said(slurm::ReachSource source) {
  switch (source) {
    case slurm::ReachSource::asked:
      return "you, when asked";
    case slurm::ReachSource::user:
      return "you";
    case slurm::ReachSource::site_file:
      return "the site's file";
    case slurm::ReachSource::plugin:
      return "a refusal of Slurm";
    case slurm::ReachSource::slurm:
      return "Slurm";
    case slurm::ReachSource::probe:
      return "the node";
  }
  return "";
}

std::string value_cell(slurm::ReachField field, const std::vector<std::string>& values) {
  const auto bytes = base::parse_unsigned(values.front());
  if (field == slurm::ReachField::local_size && bytes) return base::human_bytes(*bytes);
  return base::join(values, field == slurm::ReachField::workdir ? ", " : " ");
}

/// How jobs get there; empty where the target does not say, or not in a form that can be read.
std::string reach_text(const host::Target& target) {
  const auto reach = slurm::reach_from_json(*target.reach, target.file.native());
  if (!reach || reach->facts().empty()) return "";
  Rows rows{{"How jobs get there", "", "Said by"}};
  for (const auto& [field, fact] : reach->facts()) {
    rows.push_back({std::string(slurm::name_of(field)), value_cell(field, fact.values),
                    who_said(fact.source)});
  }
  return "\n" + table_text(rows);
}

}  // namespace

Result<TargetView> view_of(const host::Target& target, std::int64_t now) {
  HPCENV_ASSIGN(std::string subdir, host::subdir_of(target));
  host::VirtualPackages offered = host::virtual_packages(target, base::Environment{}, subdir);
  return TargetView{target, std::move(subdir), std::move(offered),
                    host::age_in_days(host::oldest_profile(target), now)};
}

base::Json target_to_json(const TargetView& view) {
  base::Json value;
  value["name"] = view.target.name;
  value["file"] = view.target.file.string();
  value["platform"] = view.subdir;
  value["age_days"] = view.age_days ? base::Json(*view.age_days) : base::Json(nullptr);
  value["old"] = host::is_old(view.age_days);
  value["reach"] = *view.target.reach;
  value["virtual_packages"] = virtual_packages_to_json(view.offered);
  return value;
}

std::string cuda_text(const TargetView& view) {
  const auto& packages = view.offered.packages;
  const auto cuda = std::ranges::find(packages, "__cuda", &host::VirtualPackage::name);
  return cuda == packages.end() ? "none" : cuda->version;
}

std::string gpus_of(const host::NodeProfile& node) {
  std::map<std::string, int> counts;
  for (const host::CudaDevice& device : doctor::known_devices(node)) ++counts[device.name];
  std::vector<std::string> kinds;
  kinds.reserve(counts.size());
  for (const auto& [name, count] : counts) kinds.push_back(fmt::format("{} x {}", count, name));
  return kinds.empty() ? "none" : base::join(kinds, ", ");
}

std::string age_cell(std::optional<std::int64_t> days) {
  return host::age_text(days) + (host::is_old(days) ? " (old)" : "");
}

std::string target_text(const TargetView& view, std::int64_t now) {
  const Rows facts{{"target", view.target.name},
                   {"file", view.target.file.string()},
                   {"platform", view.subdir},
                   {"profiled", age_cell(view.age_days)}};
  Rows offered;
  for (const host::VirtualPackage& package : view.offered.packages) {
    offered.push_back({package.name, package.version, package.build, package.source});
  }
  Rows nodes{{"Node", "GPUs", "Driver", "glibc", "Profiled"}};
  for (const host::NodeProfile& node : view.target.nodes) {
    nodes.push_back({node.hostname, gpus_of(node), driver_cell(node), node.glibc,
                     age_cell(host::age_in_days(node.taken_at, now))});
  }
  const char* what =
      view.target.nodes.size() == 1 ? "What its node offers:\n" : "What all of its nodes offer:\n";
  return table_text(facts) + "\n" + what + table_text(offered) + "\n" + table_text(nodes) +
         reach_text(view.target);
}

}  // namespace hpcenv::cli
