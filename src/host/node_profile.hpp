// Facts of one kind of node: a plain struct with a JSON round trip, so that a login node
// decides with what a compute node saw.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json_fwd.hpp"
#include "base/process.hpp"
#include "base/result.hpp"
#include "host/nvidia_facts.hpp"
#include "host/reader.hpp"
#include "host/storage_facts.hpp"
#include "host/system_facts.hpp"

namespace hpcenv::host {

struct NodeProfile {
  std::string hostname;
  std::int64_t taken_at = 0;  ///< seconds since the epoch
  std::string machine;        ///< "x86_64"
  std::string kernel;         ///< "6.1.0-18-amd64"
  std::string glibc;          ///< "2.36", empty: none found
  std::string cpu;            ///< archspec name, as far as told apart ("x86_64_v3", "zen3", ...)
  std::uint64_t memory_bytes = 0;
  NvidiaFacts nvidia;
  std::vector<MountFacts> mounts;
  SystemFacts system;
  base::Environment
      environment;  ///< of the allow-list that checks read (LD_LIBRARY_PATH, CUDA_*, SLURM_*, ...)
};

/// Of all variables those that a profile may hold: named one by one, none of them a secret, and
/// addresses without passwords.
base::Environment allowed_environment(const base::Environment& all);

enum class ProbeDepth {
  versions,   ///< stage A: cuDriverGetVersion only; safe on a login node, no side effect
  devices,    ///< stages A and B: cuInit and devices, in a throw-away child
  automatic,  ///< devices where /dev/nvidiactl or /dev/dxg is there and, for root, no device file
              ///< is missing that the driver would make; else versions
};

enum class ProbeScope {
  solving,     ///< what virtual packages come from: no file system, no limits, no NVML
  everything,  ///< tries file systems with files, asks for quotas
};

/// Never fails for what the node lacks; an error is a failure of ours.
Result<NodeProfile> probe_node(const HostReader& reader, base::ProcessRunner& runner,
                               const base::Clock& clock, ProbeDepth depth,
                               ProbeScope scope = ProbeScope::everything);

/// The libcuda that tells this node's CUDA version: the one that programs get, or, where that is a
/// stub or does not answer, the first other one that does. Null without a driver.
const LibcudaCandidate* driver_library(const NodeProfile& profile);
/// "12.2" of `driver_library` (a stub is none), nullopt without a driver.
std::optional<std::string> cuda_version_of(const NodeProfile& profile);
/// Lowest compute capability of all devices, "8.0".
std::optional<std::string> cuda_arch_of(const NodeProfile& profile);

base::Json profile_to_json(const NodeProfile& profile);
Result<NodeProfile> profile_from_json(const base::Json& value, std::string_view name);

}  // namespace hpcenv::host
