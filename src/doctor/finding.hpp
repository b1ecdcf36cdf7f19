// One result of a doctor check, and the tables of checks.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/environment.hpp"
#include "base/json_fwd.hpp"
#include "base/result.hpp"
#include "doctor/subject.hpp"

namespace hpcenv::doctor {

enum class Severity { pass, info, warning, failure, unavailable };

struct Remedy {
  std::string text;                   ///< one sentence
  std::vector<std::string> commands;  ///< that the user can run
};

struct Finding {
  std::string id;  ///< "D04 libcuda.stub"'s first word; stable
  std::string title;
  Severity severity = Severity::pass;
  std::string text;                   ///< one sentence: what was found, where
  std::vector<std::string> evidence;  ///< values read
  std::optional<Remedy> remedy;       ///< every warning and failure has one
};

/// Where a check finds its answer.
enum class Looks {
  at_profile,  ///< in the profile of the node alone: works for a target too
  in_shell,    ///< in this process' variables, which a job inherits: also with --on
  here,        ///< in files, variables or limits of this machine; left out with --on
};

enum class Cost {
  quick,
  slow,  ///< reads much, or from where a file server may hang: runs last, in a process of its own
  deep,  ///< slow, and only with --deep or where its own id or name was given
};

/// What has to be found out before the checks run: others are asked only where a chosen check needs
/// their answer.
enum class Asks {
  nothing,
  storage,  ///< what places for files are and can do, and quotas
  slurm,    ///< its controller and its partitions
  network,  ///< certificates and channels
};

struct Check {
  const char* id;     ///< "D04"
  const char* name;   ///< "libcuda.stub"
  const char* title;  ///< what it looks at, at most 60 characters
  bool needs_environment;
  Finding (*examine)(const Subject& subject);
  Looks looks = Looks::at_profile;
  Cost cost = Cost::quick;
  /// Whether an allocation may show something else than the node: these are what --job asks.
  bool in_job = false;
  Asks asks = Asks::nothing;
};

/// A row of a quick check on the node alone that --job asks too.
constexpr Check in_job(const char* id, const char* name, const char* title,
                       Finding (*examine)(const Subject& subject)) {
  return Check{id, name, title, false, examine, Looks::at_profile, Cost::quick, true};
}

/// The checks of one subject matter; the report has a line for each.
struct CheckGroup {
  const char* name;   ///< "driver"
  const char* title;  ///< "NVIDIA driver"
  std::span<const Check> checks;
  const char* headline = "";  ///< the check that tells of the group where all is well; may be empty
};

/// In the order of the report.
std::span<const CheckGroup> all_groups();
/// All checks, in the order of the groups.
std::span<const Check> all_checks();
/// The group of a check; never null for one of the table.
const CheckGroup* group_of(std::string_view id);

struct Selection {
  std::vector<std::string> words;  ///< ids, names, groups, globs of them; empty: all
  bool job = false;                ///< only what an allocation may show differently
  bool deep = false;               ///< with those that only run where they are asked for
};

/// Kind usage for a word that names no check, with the nearest ones.
Result<std::vector<Check>> select_checks(const Selection& selection);

/// Whether a chosen check looks at such an answer; with --on none does that looks here.
bool anyone_asks(std::span<const Check> checks, Asks what, const Subject& subject);

/// How long a check may take that is slow or deep.
inline constexpr std::chrono::milliseconds slow_deadline{20000};
inline constexpr std::chrono::milliseconds deep_deadline{600000};

/// Runs those that can run, the slow ones last; one that needs an environment and has none is left
/// out, and so is what looks here where a target is judged. A check that fails itself, or does not
/// end, is a finding of severity `unavailable`; the others go on. In the order of the table.
std::vector<Finding> examine(const Subject& subject, std::span<const Check> checks);

/// Of several nodes under one name: for each check the worst finding, which says of which node.
std::vector<Finding> worst_of(const std::vector<std::vector<Finding>>& findings,
                              const std::vector<std::string>& nodes);

base::Json finding_to_json(const Finding& finding);
/// The inverse, for findings of a check in a process of its own.
Finding finding_from_json(const base::Json& value);
const char* name_of(Severity severity);

}  // namespace hpcenv::doctor
