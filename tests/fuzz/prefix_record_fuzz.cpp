#include "base/json.hpp"
#include "conda/prefix_record.hpp"
#include "fuzz/fuzz.hpp"

// What was read can be written and read again.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (const auto record =
          hpcenv::conda::parse_prefix_record(hpcenv::fuzz::text_of(data, size), "fuzz")) {
    const std::string written = hpcenv::conda::prefix_record_text(*record);
    hpcenv::fuzz::require(hpcenv::conda::parse_prefix_record(written, "again").has_value());
  }
  return 0;
}
