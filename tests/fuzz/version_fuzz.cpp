#include "base/text.hpp"
#include "conda/version.hpp"
#include "fuzz/fuzz.hpp"

using hpcenv::conda::Version;

// Two versions, a line each: the order has to be an order.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto lines = hpcenv::base::split_lines(hpcenv::fuzz::text_of(data, size));
  if (lines.size() < 2) {
    return 0;
  }
  const auto a = Version::parse(lines[0]);
  const auto b = Version::parse(lines[1]);
  if (a && b) {
    hpcenv::fuzz::require(*a == *a);
    hpcenv::fuzz::require((*a < *b) == (*b > *a));
    hpcenv::fuzz::require(a->starts_with(*a));
  }
  return 0;
}
