// What every fuzz target starts with: the bytes as text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hpcenv::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// A property that has to hold; a target without one finds crashes only.
inline void require(bool holds) {
  if (!holds) {
    __builtin_trap();
  }
}

}  // namespace hpcenv::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
