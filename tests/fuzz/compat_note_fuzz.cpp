#include <span>

#include "fuzz/fuzz.hpp"
#include "host/compat.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hpcenv;
  const auto note = host::read_compat_note(std::as_bytes(std::span(data, size)));
  if (!note) return 0;
  fuzz::require(host::parse_cuda_version(note->cuda).has_value());
  host::CompatQuestion question;
  question.note = *note;
  question.library_version = note->drivers.empty() ? "" : std::to_string(note->drivers.back());
  question.driver_version = note->drivers.empty() ? "" : std::to_string(note->drivers.front());
  question.library_cuda = host::parse_cuda_version(note->cuda);
  fuzz::require(!host::compat_verdict(question).reason.empty());
  return 0;
}
