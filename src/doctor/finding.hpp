// One result of a doctor check, and the table of checks.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/json_fwd.hpp"
#include "host/node_profile.hpp"
#include "host/reader.hpp"
#include "prefix/state.hpp"

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

/// What is examined.
struct Subject {
  const host::NodeProfile* profile = nullptr;
  const host::HostReader* reader = nullptr;  ///< for checks that look at files beside the profile
  const prefix::PrefixState* environment = nullptr;  ///< null without -n
  std::string environment_name;
  std::vector<std::pair<std::string, std::string>>
      paths;  ///< purpose, path: for the storage checks
};

struct Check {
  const char* id;     ///< "D04"
  const char* name;   ///< "libcuda.stub"
  const char* title;  ///< what it looks at, at most 60 characters
  bool needs_environment;
  Finding (*examine)(const Subject& subject);
};

/// All checks in the order in which they run.
std::span<const Check> all_checks();
/// Runs those that can run; one that needs an environment and has none is left out.
std::vector<Finding> examine(const Subject& subject, std::span<const Check> checks);
base::Json finding_to_json(const Finding& finding);
const char* name_of(Severity severity);

}  // namespace hpcenv::doctor
