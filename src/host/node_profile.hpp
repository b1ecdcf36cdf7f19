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
#include "host/libcuda.hpp"
#include "host/reader.hpp"

namespace hpcenv::host {

/// One libcuda.so.1 that a program on this node could load.
struct LibcudaCandidate {
  std::string path;          ///< as found; "libcuda.so.1" for what the loader itself takes
  std::string real_path;     ///< symlinks resolved
  std::string found_in;      ///< "LD_LIBRARY_PATH", "ld.so.cache", "fixed list", "loader"
  std::string file_version;  ///< "535.261.03" from the file name, or empty
  bool is_stub = false;
  ProbeEnd end = ProbeEnd::not_run;
  std::string detail;                     ///< loader's words, or signal
  std::optional<int> version_code;        ///< what cuDriverGetVersion returned (CUresult)
  std::optional<int> cuda_version;        ///< 12020 = 12.2; only where it is believable
  ProbeEnd init_end = ProbeEnd::not_run;  ///< of asking for devices (stage B), winner only
  std::string init_detail;
  std::optional<int> init_code;  ///< CUresult of cuInit, where stage B ran
  std::optional<std::int64_t> init_milliseconds;
  std::vector<CudaDevice> devices;  ///< all of the node, CUDA_VISIBLE_DEVICES left aside
  /// How many a program gets under CUDA_VISIBLE_DEVICES; only where that is set and stage B ran.
  std::optional<int> visible_devices;
};

struct NvidiaFacts {
  int pci_gpus = 0;           ///< PCI functions of vendor 0x10de, class 0x03
  std::string kernel_module;  ///< version, or empty: not loaded
  bool open_kernel_module = false;
  bool nouveau = false;
  bool uvm = false;
  bool wsl = false;  ///< /dev/dxg: the driver is Windows'
  std::vector<std::string> device_nodes;
  std::vector<LibcudaCandidate> libcuda;  ///< in the order in which the loader would take them
  /// Position in `libcuda` of the one that programs get.
  std::optional<std::size_t> winner;
};

struct MountFacts {
  std::string purpose;  ///< "home", "prefix", "package cache", "temporary files"
  std::string path;
  base::FileSystemFacts facts;
};

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
  base::Environment
      environment;  ///< of the allow-list that checks read (LD_LIBRARY_PATH, CUDA_*, SLURM_*, ...)
};

enum class ProbeDepth {
  versions,   ///< stage A: cuDriverGetVersion only; safe on a login node, no side effect
  devices,    ///< stages A and B: cuInit and devices, in a throw-away child
  automatic,  ///< devices where /dev/nvidiactl or /dev/dxg is there and we are not root, else
              ///< versions
};

/// Never fails for what the node lacks; an error is a failure of ours.
Result<NodeProfile> probe_node(const HostReader& reader, base::ProcessRunner& runner,
                               const base::Clock& clock, ProbeDepth depth);

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
