// An image of this disk into a registry, its bill of materials with it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "image/oci.hpp"
#include "image/reference.hpp"
#include "image/registry.hpp"
#include "image/registry_connection.hpp"

namespace hpcenv::ops {

struct ImagePushRequest {
  std::filesystem::path image;              ///< OCI layout directory, oci-archive or docker-archive
  std::optional<image::Platform> platform;  ///< nothing: as ImageFile::open_any
  image::Reference target;
  std::optional<image::Reference> mount_from;  ///< a repository of the same registry
  std::vector<std::filesystem::path> sboms;    ///< CycloneDX or SPDX, JSON
};

struct AttachedFile {
  std::filesystem::path file;
  image::Descriptor manifest;  ///< of the artifact that holds it
  std::string type;            ///< media type of the file
  image::Repository::AttachedBy by = image::Repository::AttachedBy::referrers;
};

struct ImagePushReport {
  image::Descriptor manifest;
  std::size_t sent = 0;
  std::size_t mounted = 0;
  std::size_t there = 0;
  std::uint64_t bytes_sent = 0;
  std::vector<AttachedFile> attached;
};

/// Digests stay as they are in the file. The tag is set last, when all else is in: where anything
/// fails, nothing new stands under it.
Result<ImagePushReport> push_image(const ImagePushRequest& request,
                                   const image::RegistrySeams& seams,
                                   const image::RegistryOptions& options);

}  // namespace hpcenv::ops
