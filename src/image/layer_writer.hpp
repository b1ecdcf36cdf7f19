// Entries become a layer's blob: tar headers, bytes, both digests and the compression in one pass,
// in bounded memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "image/layer_entry.hpp"
#include "image/layout_writer.hpp"
#include "image/oci.hpp"

namespace hpcenv::image {

struct LayerWriting {
  LayerCompression compression = LayerCompression::gzip;
  std::size_t threads = 1;  ///< that pack at once; the bytes are the same for any number
  /// Hears how many bytes of the tar file were made; called often, from the calling thread.
  std::function<void(std::uint64_t bytes)> progress;
};

/// Entries are `complete`. Files are read as they are; kind refused where one changes its size or
/// time meanwhile, or is no regular file any more. Nothing is left where it fails.
Result<KnownLayer> write_layer(const std::vector<LayerEntry>& entries, const LayerWriting& writing,
                               const LayoutWriter& layout);

}  // namespace hpcenv::image
