#include "ops/image_look.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "conda/package_record.hpp"
#include "image/image_file.hpp"
#include "image/pull.hpp"
#include "image/registry.hpp"

namespace hpcenv::ops {

namespace {

constexpr std::uint64_t config_limit = std::uint64_t{8} << 20U;

std::string annotation(const image::Descriptor& blob, const std::string& name) {
  const auto found = blob.annotations.find(name);
  return found == blob.annotations.end() ? "" : found->second;
}

std::vector<std::string> words(std::string_view text) {
  const std::vector<std::string_view> found = base::split_words(text);
  return {found.begin(), found.end()};
}

/// Entries of the history that made a layer, in their order.
std::vector<std::string> makers_of(const image::ImageConfig& config) {
  std::vector<std::string> makers;
  for (const image::HistoryEntry& entry : config.history) {
    if (!entry.empty_layer) makers.push_back(entry.created_by);
  }
  return makers;
}

void add_layers(LookedImage& image, const image::Manifest& manifest) {
  const std::vector<std::string> makers = makers_of(image.config);
  for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
    LookedLayer layer;
    layer.blob = manifest.layers[i];
    layer.content = annotation(layer.blob, "org.hpcenv.content");
    layer.packages = words(annotation(layer.blob, "org.hpcenv.packages"));
    layer.path = annotation(layer.blob, "org.hpcenv.path");
    if (i < image.config.diff_ids.size()) layer.diff_id = image.config.diff_ids[i];
    if (i < makers.size()) layer.created_by = makers[i];
    image.size += layer.blob.size;
    image.layers.push_back(std::move(layer));
  }
}

Result<std::string> config_text(image::Repository& repository, const image::Descriptor& blob,
                                const std::string& name) {
  if (blob.size > config_limit) {
    return fail(ErrorKind::refused, "{}: its configuration is too large: {}", name,
                base::human_bytes(blob.size));
  }
  std::string text;
  HPCENV_TRY(repository.read_blob(blob, [&](std::span<const std::byte> bytes) -> Result<> {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  }));
  return text;
}

}  // namespace

Result<LookedImage> look_at_file(const std::filesystem::path& path,
                                 const std::optional<image::Platform>& platform) {
  HPCENV_ASSIGN(const image::ImageFile file, platform ? image::ImageFile::open(path, *platform)
                                                      : image::ImageFile::open_any(path));
  LookedImage image;
  // A tag alone, as some tools leave it in a layout, names nothing.
  if (file.reference().find_first_of("/:") != std::string::npos) image.reference = file.reference();
  image.manifest = file.descriptor();
  image.named_digest = file.descriptor().digest;
  image.config_blob = file.manifest().config;
  image.config = file.config();
  add_layers(image, file.manifest());
  return image;
}

Result<LookedImage> look_at_registry(const image::Reference& reference,
                                     const image::Platform& platform,
                                     const image::RegistrySeams& seams,
                                     const image::RegistryOptions& options) {
  const std::string name = image::reference_text(reference);
  image::Repository repository(reference, image::Access::pull, seams, options);
  HPCENV_ASSIGN(const image::PulledImage found, image::find_image(repository, platform));
  HPCENV_ASSIGN(const image::Manifest manifest, image::parse_manifest(found.manifest_text, name));
  HPCENV_ASSIGN(const std::string text, config_text(repository, manifest.config, name));
  LookedImage image;
  image.reference = name;
  image.place = LookedImage::Place::registry;
  image.manifest = found.manifest;
  image.named_digest = found.named.digest;
  image.config_blob = manifest.config;
  HPCENV_ASSIGN(image.config, image::parse_config(text, name));
  add_layers(image, manifest);
  return image;
}

bool has_package(const LookedImage& image, std::string_view name) {
  return std::ranges::any_of(image.layers, [&](const LookedLayer& layer) {
    return std::ranges::any_of(layer.packages, [&](const std::string& package) {
      const auto parts = conda::parse_dist_name(package);
      return parts.has_value() && parts->name == name;
    });
  });
}

}  // namespace hpcenv::ops
