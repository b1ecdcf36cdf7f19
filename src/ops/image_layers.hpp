// The layers of an image, made side by side.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "image/layer_writer.hpp"
#include "image/package_entries.hpp"
#include "ops/image_build.hpp"

namespace hpcenv::ops {

/// One layer to be made: entries, or a layer of the base.
struct LayerJob {
  std::size_t place = 0;  ///< in the image, from below
  std::vector<image::LayerEntry> entries;
  image::LayerCompression compression = image::LayerCompression::gzip;
  std::string key;  ///< noted under it; empty: not noted
  std::uint64_t bytes = 0;
};

/// Made by several threads, the largest first; results by place. The bytes do not depend on how
/// many threads there are.
Result<std::map<std::size_t, image::KnownLayer>> make_layers(const std::vector<LayerJob>& jobs,
                                                             const image::LayoutWriter& layout,
                                                             base::Reporter& reporter);

/// A base's layers as they are; plain ones are packed as the image's own. By place.
Result<std::vector<image::KnownLayer>> copy_base(const image::ImageFile& base,
                                                 image::LayerCompression compression,
                                                 const image::LayoutWriter& layout);

}  // namespace hpcenv::ops
