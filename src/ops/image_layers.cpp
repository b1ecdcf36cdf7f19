#include "ops/image_layers.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "base/parallel.hpp"
#include "image/layer_stream.hpp"

namespace hpcenv::ops {
namespace {

/// More do not help, and each has blocks in memory.
constexpr std::size_t most_layers_at_once = 4;
constexpr std::size_t most_threads = 16;

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<image::KnownLayer> copy_blob(const image::ImageFile& base, const image::Descriptor& blob,
                                    const std::string& diff_id, const image::LayoutWriter& layout) {
  image::KnownLayer layer;
  layer.diff_id = diff_id;
  layer.blob = blob;
  layer.blob.annotations.clear();
  HPCENV_ASSIGN(const image::LayerCompression kind, image::layer_compression(blob.media_type));
  layer.blob.media_type = image::layer_media_type(kind);
  if (layout.find(blob)) return layer;
  HPCENV_ASSIGN(image::BlobWriter writer, layout.begin_blob());
  HPCENV_TRY(
      base.read_blob(blob, [&](std::span<const std::byte> bytes) { return writer.write(bytes); }));
  HPCENV_TRY(writer.finish_as(blob, base.path().native()));
  return layer;
}

Result<image::KnownLayer> pack_blob(const image::ImageFile& base, const image::Descriptor& blob,
                                    image::LayerCompression compression,
                                    const image::LayoutWriter& layout) {
  HPCENV_ASSIGN(image::BlobWriter writer, layout.begin_blob());
  image::LayerStream stream(std::move(writer), compression, base::available_processors());
  HPCENV_TRY(base.read_blob(
      blob, [&](std::span<const std::byte> bytes) { return stream.write(text_of(bytes)); }));
  return stream.finish();
}

}  // namespace

Result<std::map<std::size_t, image::KnownLayer>> make_layers(const std::vector<LayerJob>& jobs,
                                                             const image::LayoutWriter& layout,
                                                             base::Reporter& reporter) {
  std::vector<const LayerJob*> order;
  std::uint64_t total = 0;
  for (const LayerJob& job : jobs) {
    order.push_back(&job);
    total += job.bytes;
  }
  std::ranges::stable_sort(order, std::greater<>(), [](const LayerJob* job) { return job->bytes; });
  const std::size_t processors = std::min(base::available_processors(), most_threads);
  const std::size_t at_once = std::min({processors, most_layers_at_once, order.size()});
  std::atomic<std::uint64_t> done{0};
  std::mutex mutex;
  std::map<std::size_t, image::KnownLayer> made;
  const auto make = [&](std::size_t index) -> Result<> {
    const LayerJob& job = *order[index];
    image::LayerWriting writing;
    writing.compression = job.compression;
    writing.threads = std::max<std::size_t>(processors / at_once, 1);
    writing.progress = [&](std::uint64_t bytes) {
      reporter.progress(done += bytes, total, base::Unit::bytes);
    };
    HPCENV_ASSIGN(image::KnownLayer layer, image::write_layer(job.entries, writing, layout));
    if (!job.key.empty()) HPCENV_TRY(layout.remember(job.key, layer));
    const std::lock_guard lock(mutex);
    made.emplace(job.place, std::move(layer));
    return {};
  };
  HPCENV_TRY(base::parallel_for(order.size(), at_once, make));
  return made;
}

Result<std::vector<image::KnownLayer>> copy_base(const image::ImageFile& base,
                                                 image::LayerCompression compression,
                                                 const image::LayoutWriter& layout) {
  std::vector<image::KnownLayer> layers;
  for (std::size_t i = 0; i < base.manifest().layers.size(); ++i) {
    const image::Descriptor& blob = base.manifest().layers[i];
    HPCENV_ASSIGN(const image::LayerCompression kind, image::layer_compression(blob.media_type));
    const bool is_packed = kind == image::LayerCompression::none && kind != compression;
    HPCENV_ASSIGN(image::KnownLayer layer,
                  is_packed ? pack_blob(base, blob, compression, layout)
                            : copy_blob(base, blob, base.config().diff_ids[i], layout));
    if (layer.diff_id != base.config().diff_ids[i]) {
      return fail(ErrorKind::refused, "{} is damaged: layer {} is not the one it describes",
                  base.path().native(), i + 1);
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}

}  // namespace hpcenv::ops
