#include "cli/printable.hpp"

#include <fmt/format.h>

namespace hpcenv::cli {

std::string printable(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (const char letter : text) {
    const auto code = static_cast<unsigned char>(letter);
    const bool control = (code < 0x20 && letter != '\n' && letter != '\t') || code == 0x7f;
    if (control) {
      clean += fmt::format("\\x{:02x}", code);
    } else {
      clean += letter;
    }
  }
  return clean;
}

}  // namespace hpcenv::cli
