// The machine that packages are chosen for: this one, a target, or another platform.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "host/virtual_packages.hpp"
#include "ops/locations.hpp"
#include "ops/seams.hpp"
#include "prefix/state.hpp"
#include "solve/solver.hpp"

namespace hpcenv::ops {

struct MachineRequest {
  std::string target;  ///< --on; empty: this machine
  std::string subdir;  ///< --platform; empty: that of the target, the environment, or here
  std::string installed_subdir;  ///< of what the environment holds; empty: nothing yet
};

struct Machine {
  std::string name;                ///< host name, target, or "linux-aarch64 (not this machine)"
  std::string target;              ///< empty: none was asked for
  std::vector<std::string> nodes;  ///< host names of a target's nodes
  /// Of a target's nodes, in the order of `nodes`, or of this machine; empty for another platform.
  std::vector<host::NodeProfile> profiles;
  std::string target_file;  ///< that the target was read from
  /// Of the oldest of a target's profiles, seconds since the epoch, and its age; 0 and nullopt: no
  /// target, or it does not say.
  std::int64_t taken_at = 0;
  std::optional<std::int64_t> age_days;
  std::string subdir;
  host::VirtualPackages virtual_packages;
  /// Whether programs of this subdir run on the machine that installs them.
  bool runs_here() const;
};

/// The same for who explains what the machine forbids; `environment` is where overrides stand.
solve::Machine words_of(const Machine& machine, const base::Environment& environment);

/// The platform of a request, known before its machine is looked at: of --platform, of the target,
/// of what is installed, else this machine's. Kinds as below for the platform and the target.
Result<std::string> subdir_meant(const MachineRequest& request, const Locations& locations,
                                 const base::Environment& environment);

/// The platform of the first package that is for one only; empty where none is.
std::string installed_subdir(const prefix::PrefixState& state);

/// Kind usage for a subdir that is not known; refused where --platform contradicts the target or
/// what the environment holds; not_found for an unknown target. Without --on this machine's driver
/// is asked. A target whose profile is old is warned of. A target that is old is warned of.
Result<Machine> machine_to_solve_for(const MachineRequest& request, const Locations& locations,
                                     const Seams& seams);

}  // namespace hpcenv::ops
