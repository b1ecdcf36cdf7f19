// Files of registries' passwords, as other programs write them.
#include "fuzz/fuzz.hpp"
#include "image/credentials.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = hpcenv::image::parse_auth_file(hpcenv::fuzz::text_of(data, size), "fuzz");
  if (!file) return 0;
  // Helpers become names of programs.
  hpcenv::fuzz::require(!file->store.contains('/'));
  for (const auto& [registry, helper] : file->helpers) {
    hpcenv::fuzz::require(!helper.contains('/'));
  }
  return 0;
}
