// zlib streams of whole blocks (libdeflate), as squashfs has them.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace hpcenv::base {

/// One thread's. The same block gives the same bytes, ever, with the same library.
class ZlibPacker {
 public:
  /// 1 (fast) to 12 (small).
  explicit ZlibPacker(int level);
  ZlibPacker(ZlibPacker&&) noexcept;
  ZlibPacker& operator=(ZlibPacker&&) noexcept;
  ~ZlibPacker();
  /// Empty where there is no memory.
  std::string pack(std::string_view block);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Kind refused: no whole zlib stream, or more than `limit` bytes in it.
Result<std::string> zlib_decompress(std::string_view bytes, std::size_t limit);

}  // namespace hpcenv::base
