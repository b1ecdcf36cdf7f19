// A blob as a source of bytes that is pulled, for readers of archives.
#pragma once

#include <memory>

#include "base/archive.hpp"
#include "base/result.hpp"
#include "base/tar_archive.hpp"
#include "image/image_file.hpp"

namespace hpcenv::image {

/// Gives the blob in pieces and ends with an empty one; before that the digest is compared: kind
/// refused, naming `name`.
Result<base::ByteSource> blob_source(const ImageFile& image, const Descriptor& blob);

/// What base::read_tar has to take off a layer.
base::TarCompression unpacking(LayerCompression compression);

}  // namespace hpcenv::image
