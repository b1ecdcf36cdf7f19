// What GPUs a library has code for: the headers of its fat binaries (facts/cuda.md 3 and
// appendix B).
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace hpcenv::host {

/// What one piece of code was made for: sm_90, sm_90a, compute_120f, ...
struct GpuCode {
  enum class Variant : std::uint8_t {
    plain,
    specific,  ///< "a": this very compute capability and no other
    family,    ///< "f": later minors of the same major, and nothing after them
  };
  int capability = 0;  ///< 80 is 8.0, 120 is 12.0
  Variant variant = Variant::plain;
  auto operator<=>(const GpuCode&) const = default;

  std::string text() const;  ///< "90a"
};
/// The inverse of `GpuCode::text`.
std::optional<GpuCode> parse_gpu_code(std::string_view text);

/// How many pieces of code there are for each.
struct FatbinTargets {
  std::map<GpuCode, std::size_t> sass;  ///< machine code
  std::map<GpuCode, std::size_t> ptx;   ///< portable code, compiled by the driver

  bool empty() const { return sass.empty() && ptx.empty(); }
  bool operator==(const FatbinTargets&) const = default;
};

enum class Coverage {
  unknown,   ///< no code found here: the library keeps its kernels elsewhere, or has none
  covered,   ///< machine code that runs
  jit_only,  ///< only PTX: slow first start, and the driver has to be new enough for it
  none,      ///< error 209 on this device
};

/// Machine code runs on the same major with an equal or higher minor, PTX on any later device;
/// variants only where they say.
Coverage coverage_of(const FatbinTargets& targets, int capability_major, int capability_minor);

/// Reads headers only; payloads are stepped over, never touched. What is damaged ends its section.
FatbinTargets scan_fatbin_section(std::span<const std::byte> section);
/// Section `.nv_fatbin` of an ELF file; where that holds nothing, `__nv_relfatbin`: after device
/// linking this one is a left-over that nothing loads, and cuobjdump does not list it either. Kind
/// refused: no ELF file.
Result<FatbinTargets> scan_fatbin_file(std::span<const std::byte> file);
/// The same of a file on disk, of which only the pages with headers are read. Kinds of
/// MappedFile::open besides.
Result<FatbinTargets> scan_fatbin_path(const std::filesystem::path& path);

/// A list as build scripts keep it: "5.0;7.5;9.0a;12.0+PTX". What cannot be read is left out.
FatbinTargets parse_architecture_list(std::string_view list);

}  // namespace hpcenv::host
