// What one libcuda says of itself, and how it is asked: in a process of its own, by the embedded
// helper.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/environment.hpp"

namespace hpcenv::host {

struct CudaDevice {
  std::string name;
  std::string uuid;
  std::string pci_bus_id;
  int capability_major = 0;
  int capability_minor = 0;
  std::uint64_t memory_bytes = 0;
  int multiprocessors = 0;
  int compute_mode = 0;  ///< 0 default, 2 prohibited, 3 exclusive process
  bool ecc = false;
};

/// How asking one libcuda ended.
enum class ProbeEnd { answered, cannot_load, timed_out, crashed, not_run };

enum class ProbeStage {
  version,  ///< cuDriverGetVersion: no side effect, needs no GPU
  devices,  ///< cuInit and the devices: opens device nodes, may load the kernel module
};

struct LibcudaQuestion {
  enum class VisibleDevices { all, as_set };
  std::string
      library;  ///< a path; "libcuda.so.1": the loader's choice; empty: glibc's version only
  ProbeStage stage = ProbeStage::version;
  VisibleDevices visible =
      VisibleDevices::all;  ///< whether CUDA_VISIBLE_DEVICES reaches the driver
  std::chrono::milliseconds deadline{0};
};

/// What had been said when the helper ended, however it ended.
struct LibcudaAnswer {
  ProbeEnd end = ProbeEnd::not_run;
  std::string detail;               ///< loader's words, signal, why the helper could not start
  std::string glibc;                ///< "2.36"; empty where this host starts no glibc program
  std::string loaded_path;          ///< what the loader opened
  std::optional<int> version_code;  ///< CUresult of cuDriverGetVersion
  std::optional<int> cuda_version;  ///< as the library says, unchecked
  std::optional<int> init_code;     ///< CUresult of cuInit
  std::optional<std::int64_t> init_milliseconds;
  std::vector<CudaDevice> devices;
};

/// Starts the embedded helper and waits for it until the deadline; then its process group is
/// killed, and left behind where the kernel does not let it die. The library's noise goes nowhere,
/// no core file is written, no descriptor of ours but the answer's pipe reaches the child. An
/// interrupt (base/interrupt.hpp) ends it early as not_run. Safe from any thread.
LibcudaAnswer ask_libcuda(const LibcudaQuestion& question, const base::Environment& environment);

/// The answer in the helper's lines: one JSON object each; lines that are none are left out.
/// `end` is not judged: it stays as it is in `into`.
void read_probe_lines(const std::string& lines, LibcudaAnswer& into);

}  // namespace hpcenv::host
