// Compression block by block: each block becomes a gzip member or a zstd frame that is complete by
// itself, so that several threads pack one stream, and the bytes do not depend on how many.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace hpcenv::base {

enum class BlockFormat {
  gzip,  ///< libdeflate, level 1, without time or name in the header
  zstd,  ///< level 3
};

/// Of all blocks of a stream but its last, bytes. A constant: it decides the packed bytes.
inline constexpr std::size_t packed_block_size = std::size_t{1} << 20U;

/// One thread's; move-only. The same block gives the same bytes, ever, with the same libraries.
class BlockPacker {
 public:
  explicit BlockPacker(BlockFormat format);
  BlockPacker(BlockPacker&&) noexcept;
  BlockPacker& operator=(BlockPacker&&) noexcept;
  ~BlockPacker();
  /// Kind bug where the library has no memory.
  Result<std::string> pack(std::string_view block);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hpcenv::base
