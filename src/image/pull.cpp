#include "image/pull.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <string_view>
#include <utility>

#include "base/file_lock.hpp"
#include "base/fs.hpp"
#include "image/image_file.hpp"
#include "image/transfer.hpp"

namespace hpcenv::image {

namespace {

namespace fs = std::filesystem;

/// A base of some hundred MB over a slow line.
constexpr std::chrono::minutes pull_deadline{30};

std::string config_name(const std::string& name) { return "the configuration of " + name; }

/// Other things lie in registries too: charts, signatures, models.
Result<> check_is_image(const Manifest& manifest, const std::string& name) {
  const std::string& type = manifest.config.media_type;
  if (type == media_type::config || type == media_type::docker_config) return {};
  return fail_hint(ErrorKind::refused,
                   fmt::format("{} is no image of a container: it is {}", name,
                               manifest.artifact_type.empty() ? type : manifest.artifact_type),
                   "choose another name");
}

Result<> fetch_blob(Repository& repository, const Descriptor& blob, const LayoutWriter& writer,
                    const std::string& name, const Transfer::Told& told) {
  HPCENV_ASSIGN(BlobWriter out, writer.begin_blob());
  const ByteSink sink = [&](std::span<const std::byte> bytes) -> Result<> {
    HPCENV_TRY(out.write(bytes));
    return told(out.size());
  };
  HPCENV_TRY(repository.read_blob(blob, sink));
  return out.finish_as(blob, name);
}

/// Before gigabytes come for nothing.
Result<> check_platform(const LayoutWriter& writer, const Descriptor& config,
                        const Platform& wanted, const std::string& name) {
  const std::optional<BlobPlace> place = writer.find(config);
  if (!place.has_value()) return fail(ErrorKind::bug, "{} is missing", config_name(name));
  HPCENV_ASSIGN(const std::string text, base::read_file(place->file));
  HPCENV_ASSIGN(const ImageConfig parsed, parse_config(text, config_name(name)));
  if (serves(parsed.platform, wanted)) return {};
  return fail_hint(ErrorKind::refused,
                   fmt::format("{} is for {}, not for {}", name, platform_text(parsed.platform),
                               platform_text(wanted)),
                   "choose an image for this platform, or the platform with --platform");
}

fs::path cached_layout(const fs::path& folder, std::string_view digest, const Platform& wanted) {
  std::string name = fmt::format("{}-{}-{}", hex_of_digest(digest), wanted.os, wanted.architecture);
  if (!wanted.variant.empty()) name += "-" + wanted.variant;
  return folder / name;
}

/// Where it is there and whole.
std::optional<PulledBase> cached_base(const fs::path& layout, const Reference& reference,
                                      const Platform& wanted) {
  const Result<ImageFile> image = ImageFile::open(layout, wanted);
  if (!image.has_value()) return std::nullopt;
  return PulledBase{layout, reference, image->descriptor()};
}

constexpr std::array<std::string_view, 2> half_suffixes{".partial", ".gone"};

fs::path lock_of(const fs::path& layout) { return {layout.native() + ".lock"}; }

/// One process pulls a base, the others wait and take it: an array's tasks begin at once.
Result<base::FileLock> lock_pull(const fs::path& layout, const std::string& name,
                                 base::Reporter& reporter) {
  const fs::path path = lock_of(layout);
  Result<base::FileLock> lock = base::FileLock::acquire(path, std::chrono::milliseconds(0));
  if (lock.has_value() || lock.error().kind != ErrorKind::refused) return lock;
  reporter.step("Waiting for another process that pulls " + name);
  return base::FileLock::acquire(path, pull_deadline);
}

}  // namespace

Result<PulledImage> find_image(Repository& repository, const Platform& wanted) {
  const std::string name = reference_text(repository.reference());
  HPCENV_ASSIGN(FoundManifest found, repository.manifest(manifest_key(repository.reference())));
  PulledImage image;
  image.named = found.descriptor;
  if (is_index(found.descriptor.media_type)) {
    HPCENV_ASSIGN(const Index index, parse_index(found.text, name));
    HPCENV_ASSIGN(const Descriptor chosen, choose(index, wanted, name));
    HPCENV_ASSIGN(found, repository.manifest(chosen.digest));
  }
  if (!is_manifest(found.descriptor.media_type)) {
    return fail_hint(
        ErrorKind::refused,
        fmt::format("{} is of a kind that is not known: {}", name, found.descriptor.media_type),
        "push it again with any engine of the last years");
  }
  HPCENV_ASSIGN(const Manifest manifest, parse_manifest(found.text, name));
  HPCENV_TRY(check_is_image(manifest, name));
  image.manifest = found.descriptor;
  image.manifest_text = std::move(found.text);
  return image;
}

Result<> fetch_blobs(Repository& repository, const Platform& wanted, const LayoutWriter& writer,
                     PulledImage& image, base::Reporter& reporter) {
  const std::string name = reference_text(repository.reference());
  HPCENV_ASSIGN(const Manifest manifest, parse_manifest(image.manifest_text, name));
  std::mutex mutex;
  const Transfer::Task fetch = [&](const Descriptor& blob, const Transfer::Told& told) -> Result<> {
    const bool there = writer.find(blob).has_value();
    if (!there) HPCENV_TRY(fetch_blob(repository, blob, writer, name, told));
    const std::lock_guard lock(mutex);
    there ? ++image.there : ++image.fetched;
    if (!there) image.bytes_fetched += blob.size;
    return {};
  };
  const std::vector<Descriptor> first{manifest.config};
  HPCENV_TRY(Transfer(first, reporter).run(1, fetch));
  HPCENV_TRY(check_platform(writer, manifest.config, wanted, name));
  std::vector<Descriptor> layers = distinct_blobs(manifest.layers);
  std::erase_if(layers,
                [&](const Descriptor& layer) { return layer.digest == manifest.config.digest; });
  return Transfer(layers, reporter).run(repository.jobs(), fetch);
}

Result<PulledBase> pull_base(const Reference& reference, const Platform& wanted,
                             const fs::path& folder, const RegistrySeams& seams,
                             const RegistryOptions& options) {
  if (!reference.digest.empty()) {
    auto cached = cached_base(cached_layout(folder, reference.digest, wanted), reference, wanted);
    if (cached.has_value()) return std::move(*cached);
  }
  const std::string name = reference_text(reference);
  seams.reporter.step("Pulling " + name);
  Repository repository(reference, Access::pull, seams, options);
  HPCENV_ASSIGN(PulledImage image, find_image(repository, wanted));
  Reference pinned = reference;
  pinned.digest = image.named.digest;
  const fs::path layout = cached_layout(folder, pinned.digest, wanted);
  if (auto cached = cached_base(layout, pinned, wanted)) return std::move(*cached);
  HPCENV_TRY(base::make_directories(folder));
  HPCENV_ASSIGN(const base::FileLock lock, lock_pull(layout, name, seams.reporter));
  if (auto cached = cached_base(layout, pinned, wanted)) return std::move(*cached);
  HPCENV_TRY(base::remove_tree(layout));
  HPCENV_ASSIGN(LayoutWriter writer, LayoutWriter::open(layout, ImageFormat::oci_dir));
  HPCENV_TRY(fetch_blobs(repository, wanted, writer, image, seams.reporter));
  HPCENV_TRY(writer.commit(image.manifest_text, reference_text(reference)));
  return PulledBase{layout, std::move(pinned), image.manifest};
}

std::vector<fs::path> cached_bases(const fs::path& folder) {
  std::vector<fs::path> bases;
  const auto names = base::list_directory(folder);
  for (const std::string& name : names ? *names : std::vector<std::string>{}) {
    std::error_code error;
    if (fs::is_directory(folder / name, error)) bases.push_back(folder / name);
  }
  return bases;
}

Result<> discard_base(const fs::path& base) {
  fs::path layout = base;
  for (const std::string_view suffix : half_suffixes) {
    if (base.extension().native() == suffix) layout.replace_extension();
  }
  HPCENV_ASSIGN(const base::FileLock lock,
                base::FileLock::acquire(lock_of(layout), std::chrono::milliseconds(0)));
  // A half removed one would still look whole.
  const fs::path gone(layout.native() + ".gone");
  if (base != gone) {
    HPCENV_TRY(base::remove_tree(gone));
    HPCENV_TRY(base::rename_path(base, gone));
  }
  return base::remove_tree(gone);
}

}  // namespace hpcenv::image
