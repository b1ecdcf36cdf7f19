// Bytes of a tar file on their way into a blob: hashed, cut into blocks, packed by several threads,
// written in order.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/block_packer.hpp"
#include "base/hash.hpp"
#include "image/layout_writer.hpp"
#include "image/oci.hpp"

namespace hpcenv::image {

class LayerStream {
 public:
  LayerStream(BlobWriter blob, LayerCompression compression, std::size_t threads);
  Result<> write(std::string_view bytes);
  std::uint64_t written() const { return written_; }
  /// The blob gets its name.
  Result<KnownLayer> finish();

 private:
  Result<> flush();

  BlobWriter blob_;
  LayerCompression compression_;
  base::Hasher hasher_;
  std::vector<base::BlockPacker> packers_;  ///< one a thread; none: nothing is packed
  std::vector<std::string> blocks_;         ///< filled in order, at most one a packer
  std::size_t filled_ = 0;                  ///< whole ones
  std::uint64_t written_ = 0;
};

}  // namespace hpcenv::image
