// What the doctor found, group by group, before it is text or a page.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "doctor/finding.hpp"

namespace hpcenv::cli {

enum class Glyphs { ascii, unicode };
/// What stands before a finding: "ok", "!", "x", or a tick and a cross.
const char* mark_of(doctor::Severity severity, Glyphs glyphs);

struct DoctorReport {
  std::string machine;                   ///< host name, or the target's name
  std::string target;                    ///< empty: this machine
  std::string environment;               ///< name or path; empty: none was judged
  std::optional<std::int64_t> age_days;  ///< of the target's oldest profile
  std::string command;                   ///< that asks again, without names of checks
  std::vector<doctor::Finding> findings;
};

/// How many findings of each kind.
struct FindingCounts {
  std::size_t passed = 0;
  std::size_t infos = 0;
  std::size_t warnings = 0;
  std::size_t failures = 0;
  std::size_t unavailable = 0;

  bool is_well() const { return warnings == 0 && failures == 0; }
};

struct ReportGroup {
  const doctor::CheckGroup* group = nullptr;
  doctor::Severity state = doctor::Severity::pass;
  FindingCounts counts;
  /// What tells of a group in which nothing is wrong; null: the counts do.
  const doctor::Finding* headline = nullptr;
  std::vector<const doctor::Finding*> findings;  ///< of the report, which has to outlive it
};

FindingCounts count_findings(const std::vector<doctor::Finding>& findings);
/// "1 failure, 2 warnings, 5 passed"; nothing that is zero.
std::string counts_text(const FindingCounts& counts);

/// Groups of which there is a finding, in the table's order.
std::vector<ReportGroup> groups_of(const DoctorReport& report);
/// Whether a reader in a hurry has to see it: what is wrong, and all else that there is advice for.
bool is_worth_reading(const doctor::Finding& finding);
/// Evidence that the finding's sentence does not say already.
std::vector<std::string> new_evidence(const doctor::Finding& finding);

/// "Environment gpu on machine node1", "Target a100, profiled 3 days ago".
std::string report_title(const DoctorReport& report);
/// "29 checks on node1: 1 failure, ..."
std::string report_summary(const DoctorReport& report);

struct NextStep {
  std::string text;     ///< "Begin with what failed, then ask again"
  std::string command;  ///< may be empty
};
NextStep next_step(const DoctorReport& report);

}  // namespace hpcenv::cli
