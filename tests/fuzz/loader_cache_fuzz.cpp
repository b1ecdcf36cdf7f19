#include "fuzz/fuzz.hpp"
#include "host/loader_cache.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view cache = hpcenv::fuzz::text_of(data, size);
  for (const char* machine : {"x86_64", "aarch64"}) {
    for (const std::string& path :
         hpcenv::host::paths_in_loader_cache(cache, "libcuda.so.1", machine)) {
      hpcenv::fuzz::require(!path.empty() && cache.find(path) != std::string_view::npos);
    }
  }
  return 0;
}
