#include "base/block_packer.hpp"

#include <libdeflate.h>

#include <utility>

#include "base/compress.hpp"

namespace hpcenv::base {

namespace {

constexpr int gzip_level = 1;
constexpr int zstd_level = 3;

}  // namespace

struct BlockPacker::State {
  explicit State(BlockFormat wanted) : format(wanted), zstd(zstd_level) {
    if (format == BlockFormat::gzip) gzip = libdeflate_alloc_compressor(gzip_level);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { libdeflate_free_compressor(gzip); }

  BlockFormat format;
  ZstdPacker zstd;
  libdeflate_compressor* gzip = nullptr;
};

BlockPacker::BlockPacker(BlockFormat format) : state_(std::make_unique<State>(format)) {}
BlockPacker::BlockPacker(BlockPacker&&) noexcept = default;
BlockPacker& BlockPacker::operator=(BlockPacker&&) noexcept = default;
BlockPacker::~BlockPacker() = default;

Result<std::string> BlockPacker::pack(std::string_view block) {
  if (state_->format == BlockFormat::zstd) return state_->zstd.pack(block);
  libdeflate_compressor* gzip = state_->gzip;
  if (gzip == nullptr) return fail(ErrorKind::bug, "no memory for a gzip compressor");
  std::string packed;
  packed.resize_and_overwrite(
      libdeflate_gzip_compress_bound(gzip, block.size()), [&](char* place, std::size_t room) {
        return libdeflate_gzip_compress(gzip, block.data(), block.size(), place, room);
      });
  if (packed.empty()) return fail(ErrorKind::bug, "a gzip block is larger than its bound");
  return packed;
}

}  // namespace hpcenv::base
