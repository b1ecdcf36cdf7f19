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
  std::optional<bool> integrated;  ///< on the processor's chip, as Jetson's
  std::optional<bool> mps;  ///< programs of this user get it through MPS (from driver 525 on)
};

/// One GPU as NVML, the management library, knows it: also those that CUDA is not shown.
struct ManagedGpu {
  int code = 0;  ///< nvmlReturn_t: 0, or why the GPU cannot be asked (15 lost, 16 needs a reset)
  std::string uuid;                 ///< of the whole GPU, also where it is cut into slices
  std::optional<int> brand;         ///< nvmlBrandType_t
  std::optional<bool> persistence;  ///< the driver keeps the GPU started between programs
  std::optional<bool> mig;          ///< MIG mode is on; unset: the GPU has none
  std::optional<int> slices;        ///< MIG devices that there are, where MIG is on
  std::optional<std::uint64_t> total_bytes;
  std::optional<std::uint64_t> free_bytes;
};

/// How asking one libcuda ended.
enum class ProbeEnd { answered, cannot_load, timed_out, crashed, not_run };

enum class ProbeStage {
  version,  ///< cuDriverGetVersion: no side effect, needs no GPU
  devices,  ///< cuInit and the devices: opens device nodes, may load the kernel module
  /// The question goes to a libnvidia-ml instead: nvmlInit and the GPUs. Never to one that may be a
  /// stub: that prints on stdout and starts lsof.
  management,
};
const char* name_of(ProbeStage stage);

struct LibcudaQuestion {
  enum class VisibleDevices { all, as_set };
  std::string
      library;  ///< a path; "libcuda.so.1": the loader's choice; empty: glibc's version only
  ProbeStage stage = ProbeStage::version;
  VisibleDevices visible =
      VisibleDevices::all;           ///< whether CUDA_VISIBLE_DEVICES reaches the driver
  std::vector<std::string> dropped;  ///< folders that are taken out of LD_LIBRARY_PATH
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
  std::optional<int> management_code;  ///< nvmlReturn_t of nvmlInit, or of counting the GPUs
  std::vector<ManagedGpu> managed;
  std::string lines;  ///< the helper's own words, of which all but `end` and `detail` is read
};

/// Starts the embedded helper and waits for it until the deadline; then its process group is
/// killed, and left behind where the kernel does not let it die. The library's noise goes nowhere,
/// no core file is written, no descriptor of ours but the answer's pipe reaches the child. An
/// interrupt (base/interrupt.hpp) ends it early as not_run. Safe from any thread.
LibcudaAnswer ask_libcuda(const LibcudaQuestion& question, const base::Environment& environment);

/// The answer in the helper's lines: one JSON object each; lines that are none are left out.
/// `end` is not judged: it stays as it is in `into`. They are kept in `lines`.
void read_probe_lines(const std::string& lines, LibcudaAnswer& into);

}  // namespace hpcenv::host
