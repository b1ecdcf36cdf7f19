// Forward compatibility: a libcuda newer than the kernel's driver, and whether a node may load it
// (facts/cuda.md 2.1).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/cuda_tables.hpp"
#include "host/library_facts.hpp"
#include "host/nvidia_facts.hpp"

namespace hpcenv::host {

/// What the ELF note `.note.cuda.fwd_compatibility` of a library says; nullopt where it has none
/// that can be read. Drivers before 575 carry none.
std::optional<CompatNote> read_compat_note(std::span<const std::byte> file);

/// The same of a library that a reader looked at.
std::optional<CompatNote> compat_note_of(const LibraryFacts& library);

/// By the folder that such libraries are installed to (compat, cuda-compat), or by its note where
/// somebody put it in front with LD_LIBRARY_PATH and it is not the kernel module's own version: the
/// driver's own library may carry the note too.
bool is_compat_library(const LibcudaCandidate& library, std::string_view kernel_module);

struct CompatQuestion {
  std::string library_version;  ///< "590.44.01"; empty: not known
  std::optional<CompatNote> note;
  std::optional<CudaVersion> library_cuda;
  std::string driver_version;  ///< of the kernel module; empty: not known
  std::optional<CudaVersion> driver_cuda;
  std::vector<std::string> devices;  ///< names of the GPUs; empty: not known
};

enum class CompatUse {
  allowed,       ///< it works, and brings a newer CUDA
  not_needed,    ///< the driver has the same CUDA itself
  too_old,       ///< older than the kernel's driver: every program fails with error 803
  wrong_driver,  ///< the library says that it does not work on this driver's branch
  wrong_device,  ///< GeForce and TITAN: every program fails with error 804
  unknown,       ///< no driver, or no version to compare
};

struct CompatVerdict {
  CompatUse use = CompatUse::unknown;
  std::string reason;  ///< a sentence without its full stop
  /// What is left to chance where it is allowed; empty: nothing.
  std::string doubt = {};
};

/// NVIDIA's rule: the library's note lists the driver's branch and its version is newer than the
/// driver's; without a note the versions alone decide, without a version of the driver the CUDA
/// versions. Pure.
CompatVerdict compat_verdict(const CompatQuestion& question);

/// The same of a library on a node: the driver is the kernel's module, or the first library there
/// that is no compatibility library itself.
CompatQuestion compat_question(const LibcudaCandidate& library, const NvidiaFacts& node);

}  // namespace hpcenv::host
