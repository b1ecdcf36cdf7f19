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

base::Json nvidia_to_json(const NvidiaFacts& facts);
/// Members that are missing or of another type keep their defaults.
NvidiaFacts nvidia_from_json(const base::Json& value);

}  // namespace hpcenv::host
