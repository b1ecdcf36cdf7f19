// The image that another one is built on: a file, a directory, a name in a registry, or none.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "conda/package_record.hpp"
#include "image/base_look.hpp"
#include "image/image_file.hpp"
#include "image/registry_connection.hpp"
#include "ops/locations.hpp"

namespace hpcenv::ops {

struct ImageBase {
  std::optional<image::ImageFile> image;  ///< nothing: built on nothing
  std::string name;                       ///< as it is written into labels; empty for a file
  std::string digest;                     ///< of its manifest
  image::BaseFacts facts;
  /// The configuration to start from.
  image::ImageConfig config;
};

/// What is taken where nobody says.
inline constexpr std::string_view usual_base = "docker.io/library/debian:13-slim";

/// `text` is "none", a path that exists, or a name in a registry, which is fetched into
/// ROOT/images/bases unless it is there. The base is read whole, so that a changed byte is kind
/// refused here.
Result<ImageBase> open_base(const std::string& text, const image::Platform& platform,
                            const Locations& locations, const image::RegistrySeams& seams,
                            const image::RegistryOptions& options);

/// Of an image on this disk or in a registry.
Result<image::Manifest> manifest_of(const std::string& text, const image::Platform& platform,
                                    const image::RegistrySeams& seams,
                                    const image::RegistryOptions& options);

/// Kind refused where packages need a newer glibc than the base has. Gives what the base lacks that
/// programs expect, a sentence each.
Result<std::vector<std::string>> check_base(const ImageBase& base,
                                            const std::vector<conda::PackageRecord>& records);

}  // namespace hpcenv::ops
