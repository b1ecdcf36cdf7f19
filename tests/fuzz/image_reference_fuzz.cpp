// Names of images: what is read is written back as a name that means the same.
#include "fuzz/fuzz.hpp"
#include "image/reference.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hpcenv::image;
  const auto reference = parse_reference(hpcenv::fuzz::text_of(data, size));
  if (!reference) return 0;
  const std::string text = reference_text(*reference);
  const auto again = parse_reference(text);
  hpcenv::fuzz::require(again && *again == *reference);
  // It becomes a part of urls as it is.
  hpcenv::fuzz::require(text.find_first_of(" ?#%\\") == std::string::npos && !text.contains("/.."));
  return 0;
}
