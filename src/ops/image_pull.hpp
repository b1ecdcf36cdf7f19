// An image out of a registry, as a file or directory here.
#pragma once

#include <filesystem>
#include <optional>

#include "base/result.hpp"
#include "image/layout_writer.hpp"
#include "image/pull.hpp"
#include "image/reference.hpp"
#include "image/registry_connection.hpp"
#include "image/squashfs.hpp"

namespace hpcenv::ops {

struct ImagePullRequest {
  image::Reference source;
  image::Platform platform;
  std::filesystem::path out;
  image::ImageFormat format = image::ImageFormat::oci_archive;
  std::optional<image::SquashfsOptions> squashfs;  ///< `out` is such a file; `format` has no say
};

/// All digests stay as they are in the registry. `out` gets its name when the image is whole; what
/// a killed run has fetched is taken up.
Result<image::PulledImage> pull_image(const ImagePullRequest& request,
                                      const image::RegistrySeams& seams,
                                      const image::RegistryOptions& options);

}  // namespace hpcenv::ops
