#include "conda/explicit_file.hpp"
#include "fuzz/fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hpcenv::base::Environment environment;
  environment.set("HOME", "/h");
  (void)hpcenv::conda::parse_spec_file(hpcenv::fuzz::text_of(data, size), "fuzz.txt",
                                       {environment, "/w"});
  return 0;
}
