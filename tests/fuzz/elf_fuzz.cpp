#include <span>

#include "fuzz/fuzz.hpp"
#include "host/elf.hpp"
#include "host/fatbin.hpp"
#include "host/loader_cache.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  (void)hpcenv::host::read_elf(bytes);
  (void)hpcenv::host::read_elf_dynamic(bytes);
  (void)hpcenv::host::scan_fatbin_file(bytes);
  (void)hpcenv::host::paths_in_loader_cache(hpcenv::fuzz::text_of(data, size), "libcuda.so.1",
                                            "x86_64");
  return 0;
}
