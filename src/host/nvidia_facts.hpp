// What a node shows of NVIDIA's driver and GPUs: plain values with a JSON round trip.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json_fwd.hpp"
#include "host/libcuda.hpp"

namespace hpcenv::host {

/// What a forward-compatibility libcuda says of itself in its ELF note
/// `.note.cuda.fwd_compatibility` (from driver 575 on; facts/cuda.md 2.1).
struct CompatNote {
  std::string cuda;          ///< "13.1"
  std::vector<int> drivers;  ///< branches of kernel drivers that it works on
  std::vector<int> brands;   ///< of GPUs, by NVML's numbers
};

/// One libcuda.so.1 that a program on this node could load.
struct LibcudaCandidate {
  std::string path;          ///< as found; "libcuda.so.1" for what the loader itself takes
  std::string real_path;     ///< symlinks resolved
  std::string found_in;      ///< "LD_LIBRARY_PATH", "ld.so.cache", "fixed list", "loader"
  std::string file_version;  ///< "535.261.03" from the file name, or empty
  bool is_stub = false;
  std::optional<CompatNote> compat;
  ProbeEnd end = ProbeEnd::not_run;
  std::string detail;                     ///< loader's words, or signal
  std::optional<int> version_code;        ///< what cuDriverGetVersion returned (CUresult)
  std::optional<int> cuda_version;        ///< 12020 = 12.2; only where it is believable
  ProbeEnd init_end = ProbeEnd::not_run;  ///< of asking for devices (stage B), winner only
  std::string init_detail;
  std::optional<int> init_code;  ///< CUresult of cuInit, where stage B ran
  std::optional<std::int64_t> init_milliseconds;
  /// Those that CUDA_VISIBLE_DEVICES names, where the driver takes all of its entries; else all of
  /// the node.
  std::vector<CudaDevice> devices;
  /// How many a program gets under CUDA_VISIBLE_DEVICES; only where that is set and stage B ran.
  std::optional<int> visible_devices;
  std::optional<int> visible_code;  ///< CUresult of cuInit under it, where it is not `init_code`
};

/// One GPU as the PCI bus and the driver's files show it; nothing is opened for it.
struct GpuFacts {
  std::string bus;           ///< "0000:65:00.0"
  std::string pci_id;        ///< of the device, "0x20b2"
  std::string model;         ///< the driver's name of it; empty: the driver does not have it
  std::string uuid;          ///< as the driver writes it, with '?' before the GPU was ever started
  std::string firmware;      ///< version of the GPU's own firmware, where the driver loads one
  std::optional<int> minor;  ///< of /dev/nvidiaN
  bool excluded = false;     ///< the driver keeps it from programs, as the administrators want
};

/// What the management library (NVML) said. It is asked after libcuda was started, and only one
/// that lies beside libcuda and is of the kernel module's version.
struct NvmlFacts {
  std::string path;
  ProbeEnd end = ProbeEnd::not_run;
  std::string detail;
  std::optional<int> code;  ///< nvmlReturn_t of the start
  std::vector<ManagedGpu> gpus;
};

/// Why the driver was not asked for devices.
enum class DevicesSkipped {
  not_skipped,
  not_wanted,  ///< only versions were asked for
  no_node,     ///< there is no /dev/nvidiactl
  as_root,     ///< root's cuInit would make the device files that are missing
};

struct NvidiaFacts {
  int pci_gpus = 0;           ///< PCI functions of vendor 0x10de, class 0x03
  std::string kernel_module;  ///< version, or empty: not loaded
  bool open_kernel_module = false;
  bool nouveau = false;
  bool uvm = false;
  bool wsl = false;  ///< /dev/dxg: the driver is Windows'
  std::vector<std::string> device_nodes;
  // From here on what a profile of an older hpcenv does not tell: empty or unset there.
  std::vector<GpuFacts> gpus;        ///< by bus
  std::optional<int> nvswitches;     ///< PCI functions of vendor 0x10de, class 0x0680
  std::string jetson;                ///< model of the board, where the GPU is part of it
  std::optional<bool> peermem;       ///< /sys/module/nvidia_peermem
  std::optional<int> control_error;  ///< errno of opening /dev/nvidiactl, 0: it opens
  std::optional<int> uvm_error;      ///< of /dev/nvidia-uvm
  std::optional<int> mig_instances;  ///< compute instances of MIG that the driver lists
  std::optional<int> mig_reachable;  ///< those whose file in /dev/nvidia-caps is here
  std::optional<bool> mps_control;   ///< whether MPS's daemon has its pipe where programs look
  std::optional<NvmlFacts> nvml;
  std::optional<DevicesSkipped> devices_skipped;
  std::vector<LibcudaCandidate> libcuda;  ///< in the order in which the loader would take them
  /// Position in `libcuda` of the one that programs get.
  std::optional<std::size_t> winner;
};

/// Why the devices of the node are not known, as the end of a sentence ("there is no
/// /dev/nvidiactl, so ..."); empty where they are.
std::string why_no_devices(const NvidiaFacts& facts);

base::Json nvidia_to_json(const NvidiaFacts& facts);
/// Members that are missing or of another type keep their defaults.
NvidiaFacts nvidia_from_json(const base::Json& value);

}  // namespace hpcenv::host
