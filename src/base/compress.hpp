// zstd, in one piece and as a stream.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace hpcenv::base {

/// Decompresses zstd frames pushed in pieces; output goes to `sink` in pieces.
class ZstdDecoder {
 public:
  using Sink = std::function<Result<>(std::span<const std::byte>)>;
  explicit ZstdDecoder(Sink sink);
  ~ZstdDecoder();
  ZstdDecoder(ZstdDecoder&&) noexcept;
  ZstdDecoder& operator=(ZstdDecoder&&) noexcept;
  Result<> push(std::span<const std::byte> bytes);
  /// Refused where the last frame is not complete.
  Result<> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// `limit` bounds the output (bytes); beyond it: refused.
Result<std::string> zstd_decompress(std::string_view bytes, std::size_t limit);
std::string zstd_compress(std::string_view bytes, int level);

/// Compresses many small pieces, each into a frame of its own, without setting up anew each time.
class ZstdPacker {
 public:
  explicit ZstdPacker(int level);
  ~ZstdPacker();
  ZstdPacker(ZstdPacker&&) noexcept;
  ZstdPacker& operator=(ZstdPacker&&) noexcept;
  /// Kind bug where zstd has no memory.
  Result<std::string> pack(std::string_view bytes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hpcenv::base
