#include "doctor/finding.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/json.hpp"
#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"

namespace hpcenv::doctor {

namespace {

/// Neither a device nor a driver: D and G checks have nothing to look at.
bool has_no_gpu(const host::NodeProfile& profile) {
  const host::NvidiaFacts& nvidia = profile.nvidia;
  if (nvidia.pci_gpus > 0 || !nvidia.kernel_module.empty() || nvidia.wsl) return false;
  return std::ranges::all_of(nvidia.libcuda, [](const host::LibcudaCandidate& candidate) {
    return candidate.found_in == "loader" && candidate.end != host::ProbeEnd::answered &&
           candidate.real_path.empty();
  });
}

bool is_gpu_check(const Check& check) {
  const std::string_view id = check.id;
  return id.starts_with('D') || id.starts_with('G');
}

Finding folded(const Subject& subject) {
  const std::string name =
      subject.environment_name.empty() ? "" : " -n " + shell_word(subject.environment_name);
  const std::string command = "srun --partition=PARTITION --gpus=1 hpcenv doctor" + name;
  Finding finding = info(fmt::format(
      "no NVIDIA GPU on this node; nothing is wrong with that on a login node, but what jobs will "
      "find has to be asked where they run: {}",
      command));
  finding.id = "D01";
  finding.title = "NVIDIA GPUs of this node";
  finding.remedy = Remedy{"Run the checks where the GPU is, in a short job.", {command}};
  return finding;
}

}  // namespace

std::span<const Check> all_checks() {
  static const std::vector<Check> checks = [] {
    std::vector<Check> all;
    for (const auto group :
         {driver_checks(), device_checks(), toolkit_checks(), contamination_checks(),
          storage_checks(), host_checks(), slurm_checks()}) {
      all.insert(all.end(), group.begin(), group.end());
    }
    return all;
  }();
  return checks;
}

std::vector<Finding> examine(const Subject& subject, std::span<const Check> checks) {
  std::vector<Finding> findings;
  const bool fold = has_no_gpu(*subject.profile);
  bool told = false;
  for (const Check& check : checks) {
    if (check.needs_environment && subject.environment == nullptr) continue;
    if (fold && is_gpu_check(check)) {
      if (!std::exchange(told, true)) findings.push_back(folded(subject));
      continue;
    }
    Finding finding = check.examine(subject);
    finding.id = check.id;
    finding.title = check.title;
    findings.push_back(std::move(finding));
  }
  return findings;
}

const char* name_of(Severity severity) {
  switch (severity) {
    case Severity::pass:
      return "pass";
    case Severity::info:
      return "info";
    case Severity::warning:
      return "warning";
    case Severity::failure:
      return "failure";
    case Severity::unavailable:
      return "unavailable";
  }
  return "unavailable";
}

base::Json finding_to_json(const Finding& finding) {
  base::Json value = {{"id", finding.id},
                      {"title", finding.title},
                      {"severity", name_of(finding.severity)},
                      {"text", finding.text},
                      {"evidence", finding.evidence}};
  if (finding.remedy) {
    value["remedy"] = {{"text", finding.remedy->text}, {"commands", finding.remedy->commands}};
  }
  return value;
}

}  // namespace hpcenv::doctor
