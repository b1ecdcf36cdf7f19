#include "doctor/finding.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/json.hpp"
#include "doctor/groups.hpp"

namespace hpcenv::doctor {

std::span<const CheckGroup> all_groups() {
  static const std::array groups = {
      CheckGroup{"driver", "NVIDIA driver", driver_checks(), "D08"},
      CheckGroup{"devices", "GPUs", device_checks(), "G04"},
      CheckGroup{"toolkit", "Environment and GPU", toolkit_checks(), "P01"},
      CheckGroup{"shell", "This shell", contamination_checks()},
      CheckGroup{"storage", "Storage", storage_checks()},
      CheckGroup{"host", "Operating system", host_checks()},
      CheckGroup{"slurm", "Slurm", slurm_checks(), "S01"},
      CheckGroup{"network", "Network", network_checks()},
  };
  return groups;
}

std::span<const Check> all_checks() {
  static const std::vector<Check> checks = [] {
    std::vector<Check> all;
    for (const CheckGroup& group : all_groups()) {
      all.insert(all.end(), group.checks.begin(), group.checks.end());
    }
    return all;
  }();
  return checks;
}

const CheckGroup* group_of(std::string_view id) {
  for (const CheckGroup& group : all_groups()) {
    if (std::ranges::any_of(group.checks, [&](const Check& check) { return id == check.id; })) {
      return &group;
    }
  }
  return nullptr;
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

namespace {

constexpr std::array severities = {Severity::pass, Severity::info, Severity::warning,
                                   Severity::failure, Severity::unavailable};

}  // namespace

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

Finding finding_from_json(const base::Json& value) {
  Finding finding;
  finding.id = base::string_or(value, "id");
  finding.title = base::string_or(value, "title");
  finding.text = base::string_or(value, "text");
  finding.evidence = base::strings_or_empty(value, "evidence");
  const std::string severity = base::string_or(value, "severity");
  const auto known = std::ranges::find_if(
      severities, [&](Severity candidate) { return severity == name_of(candidate); });
  finding.severity = known == severities.end() ? Severity::unavailable : *known;
  if (const auto remedy = value.find("remedy"); remedy != value.end()) {
    finding.remedy =
        Remedy{base::string_or(*remedy, "text"), base::strings_or_empty(*remedy, "commands")};
  }
  return finding;
}

}  // namespace hpcenv::doctor
