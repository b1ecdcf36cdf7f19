#include "conda/environment_file.hpp"
#include "conda/recipe.hpp"
#include "fuzz/fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> warnings;
  (void)hpcenv::conda::parse_environment_file(hpcenv::fuzz::text_of(data, size), "fuzz.yml",
                                              warnings);
  (void)hpcenv::conda::parse_recipe(hpcenv::fuzz::text_of(data, size), "fuzz", "fuzz.yml");
  return 0;
}
