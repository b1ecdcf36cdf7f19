#include "conda/match_spec.hpp"
#include "fuzz/fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (const auto spec = hpcenv::conda::MatchSpec::parse(hpcenv::fuzz::text_of(data, size))) {
    hpcenv::conda::PackageRecord record;
    record.name = "numpy";
    record.version = "1.26.4";
    record.build = "py312h1";
    (void)spec->matches(record);
  }
  return 0;
}
