// GPU code in the libraries of an environment.
#pragma once

#include <string>
#include <vector>

#include "doctor/subject.hpp"
#include "host/fatbin.hpp"

namespace hpcenv::doctor {

struct LibraryCode {
  std::string path;     ///< relative to the prefix
  std::string package;  ///< dist name; empty: no package of conda's brought it
  host::FatbinTargets targets;
};

struct GpuCodeScan {
  std::vector<LibraryCode> libraries;   ///< those that hold GPU code
  std::vector<std::string> unreadable;  ///< paths relative to the prefix
};

/// Libraries of packages that use CUDA, and those under site-packages that pip put there. libtorch
/// by the list that its activation script sets (CF_TORCH_CUDA_ARCH_LIST), without a scan. libcufft
/// is left out: it keeps its kernels where no header shows them. Reads the libraries that
/// `subject.scan_cache` does not know, and writes that file.
GpuCodeScan scan_gpu_code(const Subject& subject);

}  // namespace hpcenv::doctor
