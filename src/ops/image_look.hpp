// What an image says of itself, wherever it lies: a file or directory here, or a registry, of which
// only the documents are read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "image/oci.hpp"
#include "image/reference.hpp"
#include "image/registry_connection.hpp"

namespace hpcenv::ops {

struct LookedLayer {
  image::Descriptor blob;
  std::string diff_id;
  std::string content;  ///< "package", "base", ...; empty where hpcenv did not make it
  std::vector<std::string> packages;  ///< name-version-build
  std::string path;                   ///< of added files
  std::string created_by;             ///< from the history; may be empty
};

struct LookedImage {
  std::string reference;  ///< full name; may be empty
  enum class Place { here, registry };
  Place place = Place::here;
  image::Descriptor manifest;
  std::string named_digest;  ///< what a name stands for: the manifest, or the index that lists it
  image::Descriptor config_blob;
  image::ImageConfig config;
  std::vector<LookedLayer> layers;  ///< the lowest first
  std::uint64_t size = 0;           ///< of all layers, bytes
};

/// Without a platform as ImageFile::open_any.
Result<LookedImage> look_at_file(const std::filesystem::path& path,
                                 const std::optional<image::Platform>& platform);
Result<LookedImage> look_at_registry(const image::Reference& reference,
                                     const image::Platform& platform,
                                     const image::RegistrySeams& seams,
                                     const image::RegistryOptions& options);

/// Whether a package of this name is in a layer that hpcenv made; false too where nothing is known.
bool has_package(const LookedImage& image, std::string_view name);

}  // namespace hpcenv::ops
