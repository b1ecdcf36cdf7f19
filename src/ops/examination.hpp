// doctor: gathers the facts that its checks look at, and runs them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "doctor/finding.hpp"
#include "ops/asked_facts.hpp"
#include "ops/locations.hpp"
#include "ops/seams.hpp"
#include "prefix/state.hpp"

namespace hpcenv::ops {

struct ExaminationRequest {
  std::optional<EnvironmentRef> environment;
  std::string target;  ///< --on; empty: this machine
  doctor::Selection selection;
  std::filesystem::path scan_cache;       ///< doctor::Subject::scan_cache
  std::optional<NetworkRequest> network;  ///< none: no server is asked
};

struct Examination {
  std::string machine;              ///< host name, or the target's name
  std::int64_t oldest_profile = 0;  ///< seconds since the epoch; 0: it does not say
  std::vector<std::string> hosts;   ///< that findings may name: the nodes, and those of Slurm
  std::vector<doctor::Finding> findings;
};

/// Where things lie that checks of storage look at: of this user, or of the one who wrote the
/// machine down that is read.
host::NamedPaths examined_places(const ExaminationRequest& request, const Locations& locations,
                                 const host::HostReader& reader);

/// Kinds of reading the target and the environment; usage for an unknown check. What a check
/// cannot find out is a finding, never an error.
Result<Examination> examine_machine(const ExaminationRequest& request, const Locations& locations,
                                    const LocalSeams& seams);

}  // namespace hpcenv::ops
