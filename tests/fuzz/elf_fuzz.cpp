#include "host/elf.hpp"

#include <span>

#include "fuzz/fuzz.hpp"
#include "host/fatbin.hpp"

using hpcenv::host::ElfSection;

// What a section says of itself stays within the file, and what the loader reads is the same with
// and without the sections.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto whole = hpcenv::host::read_elf(bytes);
  const auto loaded = hpcenv::host::read_elf_dynamic(bytes);
  const auto code = hpcenv::host::scan_fatbin_file(bytes);
  hpcenv::fuzz::require(whole.has_value() == loaded.has_value() &&
                        whole.has_value() == code.has_value());
  if (!whole) return 0;
  hpcenv::fuzz::require(whole->machine == loaded->machine && whole->soname == loaded->soname &&
                        whole->needed == loaded->needed && whole->rpath == loaded->rpath &&
                        whole->runpath == loaded->runpath);
  for (const ElfSection& section : whole->sections) {
    const auto content = whole->section(bytes, section.name);
    hpcenv::fuzz::require(content.empty() ||
                          (content.data() >= bytes.data() &&
                           content.data() + content.size() <= bytes.data() + bytes.size()));
  }
  return 0;
}
