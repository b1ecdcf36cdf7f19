#include <span>

#include "fuzz/fuzz.hpp"
#include "host/fatbin.hpp"

using hpcenv::host::Coverage;
using hpcenv::host::FatbinTargets;

namespace {

/// What holds whatever the bytes are.
void check(const FatbinTargets& targets, std::size_t size) {
  constexpr std::size_t smallest_entry = 48;
  std::size_t pieces = 0;
  for (const auto* codes : {&targets.sass, &targets.ptx}) {
    for (const auto& [code, count] : *codes) {
      pieces += count;
      hpcenv::fuzz::require(hpcenv::host::parse_gpu_code(code.text()) == code);
    }
  }
  hpcenv::fuzz::require(pieces <= size / smallest_entry);
  const Coverage coverage = hpcenv::host::coverage_of(targets, 8, 0);
  hpcenv::fuzz::require((coverage == Coverage::unknown) == targets.empty());
  const bool older = hpcenv::host::coverage_of(targets, 8, 0) == Coverage::covered;
  const bool newer = hpcenv::host::coverage_of(targets, 8, 9) == Coverage::covered;
  bool specific = false;
  for (const auto& [code, count] : targets.sass) {
    specific = specific || code.variant == hpcenv::host::GpuCode::Variant::specific;
  }
  hpcenv::fuzz::require(!older || newer || specific);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  check(hpcenv::host::scan_fatbin_section(bytes), size);
  if (const auto targets = hpcenv::host::scan_fatbin_file(bytes)) check(*targets, size);
  (void)hpcenv::host::parse_architecture_list(hpcenv::fuzz::text_of(data, size));
  return 0;
}
