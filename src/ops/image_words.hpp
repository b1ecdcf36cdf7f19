// What an image says of itself: labels, annotations, history, bills of materials.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "ops/image_build.hpp"

namespace hpcenv::ops {

/// For the configuration, which Docker shows, and the manifest, which registries show.
image::Annotations image_labels(const ImageRequest& request, const ImageReport& report,
                                std::int64_t created);
image::Annotations layer_annotations(const LayerReport& layer);

/// Date, digests of the layers and one line of history for each.
void describe_layers(const ImageRequest& request, const ImageReport& report, std::int64_t created,
                     image::ImageConfig& config);

/// Beside the image: OUT.cdx.json and OUT.spdx.json.
Result<std::vector<std::filesystem::path>> write_boms(const ImageRequest& request,
                                                      const ImageReport& report,
                                                      std::int64_t created);

/// Many files that nobody owns in few sentences: what lies in one folder of site-packages, or in
/// one of the environment's, is told together.
std::vector<std::string> unowned_notes(const std::vector<std::string>& files,
                                       const std::string& ending);

}  // namespace hpcenv::ops
