#include "base/compress.hpp"

#include <zstd.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace hpcenv::base {

namespace {

/// Windows above this are refused (`zstd --ultra -22` needs 128 MiB): memory stays bounded.
constexpr int largest_window_log = 27;

}  // namespace

struct ZstdDecoder::State {
  explicit State(Sink to) : sink(std::move(to)), output(ZSTD_DStreamOutSize()) {
    ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, largest_window_log);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { ZSTD_freeDCtx(context); }

  ZSTD_DCtx* context = ZSTD_createDCtx();
  Sink sink;
  std::vector<std::byte> output;
  std::size_t wanted = 1;  ///< zstd's hint; 0 once a frame has ended
};

ZstdDecoder::ZstdDecoder(Sink sink) : state_(std::make_unique<State>(std::move(sink))) {}
ZstdDecoder::~ZstdDecoder() = default;
ZstdDecoder::ZstdDecoder(ZstdDecoder&&) noexcept = default;
ZstdDecoder& ZstdDecoder::operator=(ZstdDecoder&&) noexcept = default;

Result<> ZstdDecoder::push(std::span<const std::byte> bytes) {
  ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
  bool output_full = false;
  while (input.pos < input.size || output_full) {
    ZSTD_outBuffer output{state_->output.data(), state_->output.size(), 0};
    state_->wanted = ZSTD_decompressStream(state_->context, &output, &input);
    if (ZSTD_isError(state_->wanted) != 0U) {
      return fail(ErrorKind::refused, "damaged zstd data: {}", ZSTD_getErrorName(state_->wanted));
    }
    // A full buffer may mean that more waits inside, even if all input is taken.
    output_full = output.pos == output.size && state_->wanted != 0;
    if (output.pos > 0) HPCENV_TRY(state_->sink(std::span(state_->output).first(output.pos)));
  }
  return {};
}

Result<> ZstdDecoder::finish() {
  if (state_->wanted == 0) return {};
  return fail(ErrorKind::refused, "truncated zstd data");
}

Result<std::string> zstd_decompress(std::string_view bytes, std::size_t limit) {
  std::string text;
  ZstdDecoder decoder([&](std::span<const std::byte> piece) -> Result<> {
    if (piece.size() > limit - text.size()) {
      return fail(ErrorKind::refused, "zstd data larger than {} bytes when decompressed", limit);
    }
    const std::size_t before = text.size();
    text.resize(before + piece.size());
    std::copy(
        piece.begin(), piece.end(),
        std::as_writable_bytes(std::span(text)).begin() + static_cast<std::ptrdiff_t>(before));
    return {};
  });
  HPCENV_TRY(decoder.push(std::as_bytes(std::span(bytes))));
  HPCENV_TRY(decoder.finish());
  return text;
}

struct ZstdPacker::State {
  explicit State(int compression_level) : level(compression_level) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { ZSTD_freeCCtx(context); }

  ZSTD_CCtx* context = ZSTD_createCCtx();
  int level;
};

ZstdPacker::ZstdPacker(int level) : state_(std::make_unique<State>(level)) {}
ZstdPacker::~ZstdPacker() = default;
ZstdPacker::ZstdPacker(ZstdPacker&&) noexcept = default;
ZstdPacker& ZstdPacker::operator=(ZstdPacker&&) noexcept = default;

Result<std::string> ZstdPacker::pack(std::string_view bytes) {
  std::string packed;
  if (state_->context == nullptr) return fail(ErrorKind::bug, "no memory for zstd");
  packed.resize_and_overwrite(ZSTD_compressBound(bytes.size()), [&](char* place, std::size_t room) {
    const std::size_t size =
        ZSTD_compressCCtx(state_->context, place, room, bytes.data(), bytes.size(), state_->level);
    return ZSTD_isError(size) != 0U ? 0 : size;
  });
  if (packed.empty()) return fail(ErrorKind::bug, "no memory for zstd");
  return packed;
}

std::string zstd_compress(std::string_view bytes, int level) {
  std::string packed(ZSTD_compressBound(bytes.size()), '\0');
  const std::size_t size =
      ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), level);
  // With a buffer of compressBound only a lack of memory is left to fail.
  packed.resize(ZSTD_isError(size) != 0U ? 0 : size);
  return packed;
}

}  // namespace hpcenv::base
