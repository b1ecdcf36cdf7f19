// Text that stays on its line.
#pragma once

#include <algorithm>
#include <string_view>

namespace hpcenv::slurm {

inline bool has_control_character(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
}

}  // namespace hpcenv::slurm
