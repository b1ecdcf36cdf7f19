#include "conda/link_json.hpp"
#include "conda/paths_json.hpp"
#include "fuzz/fuzz.hpp"

// No text may give a path that leaves the prefix.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = hpcenv::fuzz::text_of(data, size);
  if (const auto paths = hpcenv::conda::parse_paths_json(text, "fuzz")) {
    for (const hpcenv::conda::PackagePath& path : *paths) {
      hpcenv::fuzz::require(hpcenv::conda::is_safe_relative_path(path.path));
      hpcenv::fuzz::require(path.path.find("../") == std::string::npos &&
                            !path.path.starts_with('/'));
    }
  }
  (void)hpcenv::conda::parse_link_json(text, "fuzz");
  return 0;
}
