// What GPUs a library has code for: the headers of its fat binaries (facts/cuda.md, appendix B).
#pragma once

#include <cstddef>
#include <set>
#include <span>

#include "base/result.hpp"

namespace hpcenv::host {

/// Compute capabilities as numbers: 80 is 8.0, 120 is 12.0.
struct FatbinTargets {
  std::set<int> sass;  ///< machine code
  std::set<int> ptx;   ///< portable code, compiled by the driver
  std::size_t entries = 0;

  bool empty() const { return sass.empty() && ptx.empty(); }
};

enum class Coverage {
  unknown,   ///< no code found here: the library keeps its kernels elsewhere, or has none
  covered,   ///< machine code that runs
  jit_only,  ///< only PTX: slow first start, and the driver has to be new enough for it
  none,      ///< error 209 on this device
};

/// Machine code runs on the same major with an equal or higher minor; PTX on any later device.
Coverage coverage_of(const FatbinTargets& targets, int capability_major, int capability_minor);

/// Reads headers only; payloads are stepped over, never touched. What is damaged ends its section.
FatbinTargets scan_fatbin_section(std::span<const std::byte> section);
/// Sections `.nv_fatbin` and `__nv_relfatbin` of an ELF file. Kind refused: no ELF file.
Result<FatbinTargets> scan_fatbin_file(std::span<const std::byte> file);

}  // namespace hpcenv::host
