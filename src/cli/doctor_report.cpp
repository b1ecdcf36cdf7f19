#include "cli/doctor_report.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.hpp"
#include "host/target.hpp"

namespace hpcenv::cli {
namespace {

using doctor::Finding;
using doctor::Severity;

void count(const Finding& finding, FindingCounts& counts) {
  switch (finding.severity) {
    case Severity::pass:
      ++counts.passed;
      return;
    case Severity::info:
      ++counts.infos;
      return;
    case Severity::warning:
      ++counts.warnings;
      return;
    case Severity::failure:
      ++counts.failures;
      return;
    case Severity::unavailable:
      ++counts.unavailable;
      return;
  }
}

std::string some(std::size_t number, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", number, number == 1 ? one : many);
}

const Finding* headline_of(const ReportGroup& group) {
  if (!group.counts.is_well()) return nullptr;
  const auto named = std::ranges::find_if(
      group.findings, [&](const Finding* finding) { return finding->id == group.group->headline; });
  if (named != group.findings.end()) return *named;
  return group.findings.size() == 1 ? group.findings.front() : nullptr;
}

Severity state_of(const ReportGroup& group) {
  if (group.counts.failures > 0) return Severity::failure;
  if (group.counts.warnings > 0) return Severity::warning;
  if (group.headline != nullptr) return group.headline->severity;
  if (group.counts.passed > 0) return Severity::pass;
  return group.counts.infos > 0 ? Severity::info : Severity::unavailable;
}

/// Ids of the failures, or of the warnings where nothing failed.
std::string worst_ids(const DoctorReport& report, Severity severity) {
  std::string ids;
  for (const Finding& finding : report.findings) {
    if (finding.severity == severity) ids += " " + finding.id;
  }
  return ids;
}

}  // namespace

const char* mark_of(Severity severity, Glyphs glyphs) {
  const bool is_unicode = glyphs == Glyphs::unicode;
  switch (severity) {
    case Severity::pass:
      return is_unicode ? "\u2713" : "ok";
    case Severity::warning:
      return "!";
    case Severity::failure:
      return is_unicode ? "\u2717" : "x";
    case Severity::info:
      return "i";
    case Severity::unavailable:
      return "?";
  }
  return "?";
}

FindingCounts count_findings(const std::vector<Finding>& findings) {
  FindingCounts counts;
  for (const Finding& finding : findings) count(finding, counts);
  return counts;
}

std::string counts_text(const FindingCounts& counts) {
  std::vector<std::string> parts;
  const auto add = [&](std::size_t number, std::string_view one, std::string_view many) {
    if (number > 0) parts.push_back(some(number, one, many));
  };
  add(counts.failures, "failure", "failures");
  add(counts.warnings, "warning", "warnings");
  add(counts.passed, "passed", "passed");
  add(counts.infos, "note", "notes");
  add(counts.unavailable, "not possible here", "not possible here");
  return base::join(parts, ", ");
}

std::vector<ReportGroup> groups_of(const DoctorReport& report) {
  std::vector<ReportGroup> groups;
  for (const doctor::CheckGroup& group : doctor::all_groups()) {
    ReportGroup mine;
    mine.group = &group;
    for (const Finding& finding : report.findings) {
      const doctor::CheckGroup* of = doctor::group_of(finding.id);
      if (of == nullptr || std::string_view(of->name) != group.name) continue;
      count(finding, mine.counts);
      mine.findings.push_back(&finding);
    }
    if (mine.findings.empty()) continue;
    mine.headline = headline_of(mine);
    mine.state = state_of(mine);
    groups.push_back(std::move(mine));
  }
  return groups;
}

bool is_worth_reading(const Finding& finding) {
  return finding.severity == Severity::warning || finding.severity == Severity::failure ||
         (finding.severity != Severity::pass && finding.remedy.has_value());
}

std::vector<std::string> new_evidence(const Finding& finding) {
  std::vector<std::string> lines;
  for (const std::string& line : finding.evidence) {
    if (finding.text.find(line) == std::string::npos) lines.push_back(line);
  }
  return lines;
}

std::string report_title(const DoctorReport& report) {
  std::string where = "machine " + report.machine;
  if (!report.target.empty()) {
    where = fmt::format("target {}, profiled {}", report.target, host::age_text(report.age_days));
  }
  if (!report.environment.empty()) {
    return fmt::format("Environment {} on {}", report.environment, where);
  }
  where[0] = report.target.empty() ? 'M' : 'T';
  return where;
}

std::string report_summary(const DoctorReport& report) {
  return fmt::format("{} on {}: {}", some(report.findings.size(), "check", "checks"),
                     report.machine, counts_text(count_findings(report.findings)));
}

NextStep next_step(const DoctorReport& report) {
  const FindingCounts counts = count_findings(report.findings);
  if (counts.failures > 0) {
    return {"Begin with what failed, then ask again",
            report.command + worst_ids(report, Severity::failure)};
  }
  if (counts.warnings > 0) {
    return {"Nothing failed: warnings are worth a look before long jobs. To ask again",
            report.command + worst_ids(report, Severity::warning)};
  }
  if (report.environment.empty()) {
    return {"No problem found. To judge an environment too", report.command + " -n NAME"};
  }
  return {"No problem found.", ""};
}

}  // namespace hpcenv::cli
