#include "base/zlib_block.hpp"

#include <libdeflate.h>

namespace hpcenv::base {

struct ZlibPacker::State {
  explicit State(int level) : compressor(libdeflate_alloc_compressor(level)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { libdeflate_free_compressor(compressor); }

  libdeflate_compressor* compressor;
};

ZlibPacker::ZlibPacker(int level) : state_(std::make_unique<State>(level)) {}
ZlibPacker::ZlibPacker(ZlibPacker&&) noexcept = default;
ZlibPacker& ZlibPacker::operator=(ZlibPacker&&) noexcept = default;
ZlibPacker::~ZlibPacker() = default;

std::string ZlibPacker::pack(std::string_view block) {
  if (state_->compressor == nullptr) return "";
  std::string packed(libdeflate_zlib_compress_bound(state_->compressor, block.size()), '\0');
  packed.resize(libdeflate_zlib_compress(state_->compressor, block.data(), block.size(),
                                         packed.data(), packed.size()));
  return packed;
}

Result<std::string> zlib_decompress(std::string_view bytes, std::size_t limit) {
  const std::unique_ptr<libdeflate_decompressor, void (*)(libdeflate_decompressor*)> decompressor(
      libdeflate_alloc_decompressor(), &libdeflate_free_decompressor);
  if (decompressor == nullptr) return fail(ErrorKind::io, "out of memory");
  std::string text(limit, '\0');
  std::size_t size = 0;
  const libdeflate_result code = libdeflate_zlib_decompress(
      decompressor.get(), bytes.data(), bytes.size(), text.data(), text.size(), &size);
  if (code != LIBDEFLATE_SUCCESS) {
    return fail(ErrorKind::refused, "{}",
                code == LIBDEFLATE_INSUFFICIENT_SPACE ? "zlib data are larger than they should be"
                                                      : "zlib data are damaged");
  }
  text.resize(size);
  return text;
}

}  // namespace hpcenv::base
