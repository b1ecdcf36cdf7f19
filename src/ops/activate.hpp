// Activation of a prefix on this disk: reads what makes it, then hands it on or runs a program in
// it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/reporter.hpp"
#include "base/result.hpp"
#include "ops/activation_record.hpp"
#include "ops/locations.hpp"
#include "ops/seams.hpp"
#include "shell/activation.hpp"

namespace hpcenv::ops {

/// Who will enter: `this_one` on this node and now; `any`: lines that are taken elsewhere (job
/// scripts, wrappers, module files), so that what depends on the node is left to it.
enum class ForNode { this_one, any };

struct KnownActivation {
  shell::Activation activation;
  std::optional<ActivationRecord> record;  ///< none: no scripts, or they could not be recorded
};

/// What `record` says in place of the live scripts of `activation`.
void use_record(const ActivationRecord& record, ForNode node, shell::Activation& activation);

/// Activation scripts whose effect is not known yet are recorded first, once: in the prefix, under
/// its lock, and where that cannot be written in the user's cache; what they do beside setting
/// variables they do then. Without bash on this machine all of them are live.
/// Refused while a change of the prefix is unfinished, naming the command that completes it; a
/// writer that may be alive is waited for (prefix/readers.hpp).
Result<KnownActivation> known_activation(const EnvironmentRef& environment, ForNode node,
                                         const Locations& locations, const LocalSeams& seams);
Result<shell::Activation> activation_for(const EnvironmentRef& environment, ForNode node,
                                         const Locations& locations, const LocalSeams& seams);

/// What is on record and holds now; nothing is recorded.
std::optional<ActivationRecord> record_of(const EnvironmentRef& environment,
                                          const Locations& locations,
                                          const host::HostReader& reader);

/// After a change of the prefix: records what its scripts do, so that the first job need not. What
/// keeps it from that is a warning; kinds interrupted and terminated.
Result<> record_after_change(const std::filesystem::path& prefix, const Locations& locations,
                             const LocalSeams& seams);

/// How a program is started inside the environment.
struct Started {
  std::vector<std::string> argv;
  base::Environment environment;
  std::vector<std::string> warnings;
};
/// Where all scripts are recorded no shell is started. Live ones are sourced in bash, which becomes
/// the program then; on a host without bash they are left out, and a warning says so.
Started start_in(const shell::Activation& activation, const std::vector<std::string>& command,
                 const base::Environment& environment);

}  // namespace hpcenv::ops
