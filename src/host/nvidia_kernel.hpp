// What the kernel shows of NVIDIA's driver and its GPUs, in files.
#pragma once

#include <string>
#include <string_view>

#include "host/nvidia_facts.hpp"
#include "host/reader.hpp"

namespace hpcenv::host {

/// All but what the libraries say. Of the device files only /dev/nvidiactl and /dev/nvidia-uvm are
/// opened, which starts no GPU. What is missing or malformed is left out.
NvidiaFacts kernel_facts(const HostReader& reader);

/// Version and flavour from the text of /proc/driver/nvidia/version.
struct KernelModule {
  std::string version;
  bool open = false;
};
KernelModule parse_kernel_module(std::string_view text);

/// A GPU from the text of /proc/driver/nvidia/gpus/BUS/information; what the text does not tell
/// stays empty.
GpuFacts parse_gpu_information(std::string_view text);

}  // namespace hpcenv::host
