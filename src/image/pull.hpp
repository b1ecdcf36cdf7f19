// Images out of registries: into a layout that is being written, and bases into a cache.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/reporter.hpp"
#include "base/result.hpp"
#include "image/layout_writer.hpp"
#include "image/oci.hpp"
#include "image/reference.hpp"
#include "image/registry.hpp"
#include "image/registry_connection.hpp"

namespace hpcenv::image {

struct PulledImage {
  std::string manifest_text;  ///< exact bytes
  Descriptor manifest;
  Descriptor named;  ///< what the reference means: this manifest, or the index that lists it
  std::size_t fetched = 0;
  std::size_t there = 0;  ///< blobs that a killed run had fetched
  std::uint64_t bytes_fetched = 0;
};

/// Finds the manifest of `reference` for a platform. Nothing is written. Kind not_found where an
/// index has none for it, refused where what is there is no image of a container.
Result<PulledImage> find_image(Repository& repository, const Platform& wanted);
/// Fetches all blobs of it, several at once; the writer has them all afterwards and is not
/// committed. Kind refused where the image is for another platform.
Result<> fetch_blobs(Repository& repository, const Platform& wanted, const LayoutWriter& writer,
                     PulledImage& image, base::Reporter& reporter);

struct PulledBase {
  std::filesystem::path layout;  ///< an OCI layout directory, for ImageFile::open
  Reference reference;           ///< with the digest that its tag stands for now
  Descriptor manifest;           ///< of the platform
};

/// The image to build on, from `folder` where it is already there under that digest (then without
/// the network, where `reference` has a digest). A tag is looked up each time. Another process that
/// pulls the same is waited for, half an hour at most.
Result<PulledBase> pull_base(const Reference& reference, const Platform& wanted,
                             const std::filesystem::path& folder, const RegistrySeams& seams,
                             const RegistryOptions& options);

/// Folders of bases in that cache, of half pulled ones too. Empty where there is none.
std::vector<std::filesystem::path> cached_bases(const std::filesystem::path& folder);
/// Removes one of them. Kind refused where a process pulls it.
Result<> discard_base(const std::filesystem::path& base);

}  // namespace hpcenv::image
