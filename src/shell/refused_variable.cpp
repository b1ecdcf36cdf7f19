#include "shell/refused_variable.hpp"

#include <cstdint>

namespace hpcenv::shell {
namespace {

// Bytes of the character that starts with `first`, and what its second byte may be.
struct Form {
  std::size_t length = 0;
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xBF;
};

Form form_of(std::uint8_t first) {
  if (first < 0x80) return {1};
  if (first >= 0xC2 && first <= 0xDF) return {2};
  if (first == 0xE0) return {3, 0xA0};
  if (first == 0xED) return {3, 0x80, 0x9F};
  if (first >= 0xE1 && first <= 0xEF) return {3};
  if (first == 0xF0) return {4, 0x90};
  if (first == 0xF4) return {4, 0x80, 0x8F};
  if (first >= 0xF1 && first <= 0xF3) return {4};
  return {};
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size();) {
    const Form form = form_of(static_cast<std::uint8_t>(bytes[i]));
    if (form.length == 0 || i + form.length > bytes.size()) return false;
    for (std::size_t k = 1; k < form.length; ++k) {
      const auto byte = static_cast<std::uint8_t>(bytes[i + k]);
      const bool second = k == 1;
      if (byte < (second ? form.low : 0x80) || byte > (second ? form.high : 0xBF)) return false;
    }
    i += form.length;
  }
  return true;
}

}  // namespace hpcenv::shell
