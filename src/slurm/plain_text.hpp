// Text that stays on its line.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace hpcenv::slurm {

inline bool has_control_character(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
}

/// With `?` in place of each control character.
inline std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) out += static_cast<unsigned char>(c) < ' ' || c == 0x7f ? '?' : c;
  return out;
}

}  // namespace hpcenv::slurm
