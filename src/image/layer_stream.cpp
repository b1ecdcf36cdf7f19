#include "image/layer_stream.hpp"

#include <algorithm>
#include <utility>

#include "base/parallel.hpp"

namespace hpcenv::image {

namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

LayerStream::LayerStream(BlobWriter blob, LayerCompression compression, std::size_t threads)
    : blob_(std::move(blob)), compression_(compression), hasher_(base::HashKind::sha256) {
  if (compression == LayerCompression::none) return;
  const auto format =
      compression == LayerCompression::gzip ? base::BlockFormat::gzip : base::BlockFormat::zstd;
  for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i) packers_.emplace_back(format);
  blocks_.resize(packers_.size());
}

Result<> LayerStream::write(std::string_view bytes) {
  written_ += bytes.size();
  // A plain blob is hashed by its writer: the digests are one.
  if (packers_.empty()) return blob_.write(bytes_of(bytes));
  hasher_.update(bytes);
  while (!bytes.empty()) {
    std::string& block = blocks_[filled_];
    const std::size_t taken = std::min(bytes.size(), base::packed_block_size - block.size());
    block.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
    if (block.size() < base::packed_block_size) continue;
    if (++filled_ == blocks_.size()) HPCENV_TRY(flush());
  }
  return {};
}

Result<> LayerStream::flush() {
  const std::size_t count =
      filled_ < blocks_.size() && !blocks_[filled_].empty() ? filled_ + 1 : filled_;
  std::vector<std::string> packed(count);
  HPCENV_TRY(base::parallel_for(count, count, [&](std::size_t i) -> Result<> {
    HPCENV_ASSIGN(packed[i], packers_[i].pack(blocks_[i]));
    return {};
  }));
  for (std::size_t i = 0; i < count; ++i) {
    HPCENV_TRY(blob_.write(bytes_of(packed[i])));
    blocks_[i].clear();
  }
  filled_ = 0;
  return {};
}

Result<KnownLayer> LayerStream::finish() {
  KnownLayer layer;
  if (!packers_.empty()) HPCENV_TRY(flush());
  HPCENV_ASSIGN(layer.blob, blob_.finish(layer_media_type(compression_)));
  layer.unpacked_size = written_;
  layer.diff_id = packers_.empty() ? layer.blob.digest : digest_of_hex(hasher_.finish());
  return layer;
}

}  // namespace hpcenv::image
