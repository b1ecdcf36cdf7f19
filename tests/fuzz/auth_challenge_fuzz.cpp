// WWW-Authenticate of any server.
#include "fuzz/fuzz.hpp"
#include "image/challenge.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const auto& challenge : hpcenv::image::parse_challenges(hpcenv::fuzz::text_of(data, size))) {
    hpcenv::fuzz::require(!challenge.scheme.empty());
  }
  return 0;
}
