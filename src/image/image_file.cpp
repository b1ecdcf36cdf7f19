#include "image/image_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/fs.hpp"
#include "base/hash.hpp"
#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "conda/platform.hpp"

namespace hpcenv::image {

namespace {

namespace fs = std::filesystem;

/// Manifests and configurations; registries allow 4 MiB.
constexpr std::uint64_t longest_document = std::uint64_t{8} << 20U;
constexpr std::size_t piece_size = std::size_t{256} << 10U;

Failure other_platform(const fs::path& image, const Platform& offered, const Platform& wanted) {
  return fail_hint(ErrorKind::refused,
                   fmt::format("{} is for {}, not for {}", image.native(), platform_text(offered),
                               platform_text(wanted)),
                   "choose an image for this platform, or the platform with --platform");
}

Failure missing_blob(const fs::path& image, const Descriptor& blob) {
  return fail_hint(ErrorKind::not_found,
                   fmt::format("{} lacks the blob {}", image.native(), blob.digest),
                   "the image is not whole: make or copy it again");
}

std::string blob_member(const std::string& digest) {
  return fmt::format("blobs/sha256/{}", hex_of_digest(digest));
}

Failure no_image(const fs::path& path, std::string_view what) {
  return fail_hint(
      ErrorKind::refused, fmt::format("{} is no image: {}", path.native(), what),
      "an OCI layout directory, an oci-archive and a docker-archive (docker save) are read");
}

/// `name` of the descriptor as engines write it, the tag alone where there is no more.
std::string reference_of(const Descriptor& descriptor) {
  for (const char* key : {"io.containerd.image.name", "org.opencontainers.image.ref.name"}) {
    const auto found = descriptor.annotations.find(key);
    if (found != descriptor.annotations.end()) return found->second;
  }
  return "";
}

}  // namespace

Result<> read_place(const BlobPlace& place, const ByteSink& sink) {
  HPCENV_ASSIGN(const base::Fd fd, base::open_read(place.file));
  std::vector<std::byte> piece(std::min<std::uint64_t>(piece_size, place.size));
  std::uint64_t done = 0;
  while (done < place.size) {
    HPCENV_TRY(base::check_interrupt());
    const std::size_t wanted = std::min<std::uint64_t>(piece.size(), place.size - done);
    const ssize_t got =
        pread(fd.get(), piece.data(), wanted, static_cast<off_t>(place.offset + done));
    if (got < 0) return fail_errno(errno, fmt::format("cannot read {}", place.file.native()));
    if (got == 0) return fail(ErrorKind::refused, "{} ends early", place.file.native());
    HPCENV_TRY(sink(std::span(piece).first(static_cast<std::size_t>(got))));
    done += static_cast<std::size_t>(got);
  }
  return {};
}

Result<ImageFile> ImageFile::open(const fs::path& path, const Platform& wanted) {
  ImageFile image;
  image.path_ = path;
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) {
      return fail_hint(ErrorKind::not_found, fmt::format("there is no image {}", path.native()),
                       "check the path");
    }
    return fail_errno(errno, fmt::format("cannot examine {}", path.native()));
  }
  image.is_directory_ = S_ISDIR(status.st_mode);
  if (!image.is_directory_) {
    if (!S_ISREG(status.st_mode)) return no_image(path, "it is neither a file nor a directory");
    HPCENV_ASSIGN(image.members_, tar_members(path));
  }
  const bool is_layout = image.is_directory_ ? base::path_exists(path / "index.json")
                                             : image.members_.contains("index.json");
  if (is_layout) {
    HPCENV_TRY(image.open_layout(wanted));
  } else if (image.members_.contains("manifest.json")) {
    HPCENV_TRY(image.open_docker_archive(wanted));
  } else {
    return no_image(path, "it has neither index.json nor manifest.json");
  }
  return image;
}

Result<ImageFile> ImageFile::open_any(const fs::path& path) {
  Result<ImageFile> only = open(path, Platform());
  if (only.has_value() || only.error().kind != ErrorKind::not_found) return only;
  HPCENV_ASSIGN(const Platform here, platform_of_subdir(conda::native_subdir()));
  return open(path, here);
}

Result<std::string> ImageFile::text_of(const std::string& member) const {
  BlobPlace place{path_ / member, 0, 0};
  if (is_directory_) {
    std::error_code error;
    place.size = fs::file_size(place.file, error);
    if (error) return fail(ErrorKind::refused, "{} lacks {}", path_.native(), member);
  } else {
    const auto found = members_.find(member);
    if (found == members_.end()) {
      return fail(ErrorKind::refused, "{} lacks {}", path_.native(), member);
    }
    place = found->second;
  }
  if (place.size > longest_document) {
    return fail(ErrorKind::refused, "{}: {} is too large", path_.native(), member);
  }
  std::string text;
  HPCENV_TRY(read_place(place, [&](std::span<const std::byte> bytes) -> Result<> {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  }));
  return text;
}

Result<std::string> ImageFile::checked_text(const Descriptor& blob) const {
  if (blob.size > longest_document) {
    return fail(ErrorKind::refused, "{}: {} is too large", path_.native(), blob.digest);
  }
  std::string text;
  HPCENV_TRY(read_blob(blob, [&](std::span<const std::byte> bytes) -> Result<> {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  }));
  return text;
}

Result<> ImageFile::open_layout(const Platform& wanted) {
  HPCENV_ASSIGN(std::string text, text_of("index.json"));
  HPCENV_ASSIGN(Index index, parse_index(text, (path_ / "index.json").native()));
  HPCENV_ASSIGN(Descriptor chosen, choose(index, wanted, path_.native()));
  reference_ = reference_of(chosen);
  // An index within the index: several platforms in one file.
  if (is_index(chosen.media_type)) {
    HPCENV_ASSIGN(text, checked_text(chosen));
    HPCENV_ASSIGN(index, parse_index(text, path_.native()));
    HPCENV_ASSIGN(chosen, choose(index, wanted, path_.native()));
  }
  return take_manifest(chosen, wanted);
}

Result<> ImageFile::take_manifest(const Descriptor& descriptor, const Platform& wanted) {
  descriptor_ = descriptor;
  HPCENV_ASSIGN(manifest_text_, checked_text(descriptor));
  HPCENV_ASSIGN(manifest_, parse_manifest(manifest_text_, path_.native()));
  HPCENV_ASSIGN(config_text_, checked_text(manifest_.config));
  HPCENV_ASSIGN(config_, parse_config(config_text_, path_.native()));
  if (!manifest_.artifact_type.empty()) return no_image(path_, "it is an artifact");
  if (config_.diff_ids.size() != manifest_.layers.size()) {
    return fail(ErrorKind::refused, "{} is damaged: {} layers, but {} of them are described",
                path_.native(), manifest_.layers.size(), config_.diff_ids.size());
  }
  if (serves(config_.platform, wanted)) return {};
  return other_platform(path_, config_.platform, wanted);
}

Result<> ImageFile::open_docker_archive(const Platform& wanted) {
  HPCENV_ASSIGN(const std::string text, text_of("manifest.json"));
  HPCENV_ASSIGN(const base::Json list, base::parse_json(text, (path_ / "manifest.json").native()));
  if (!list.is_array() || list.empty() || !list.front().is_object()) {
    return no_image(path_, "its manifest.json lists none");
  }
  if (list.size() > 1) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("{} holds {} images", path_.native(), list.size()),
                     "save one image alone");
  }
  const base::Json& image = list.front();
  const std::vector<std::string> names = base::strings_or_empty(image, "RepoTags");
  reference_ = names.empty() ? "" : names.front();
  HPCENV_ASSIGN(config_text_, text_of(base::string_or(image, "Config")));
  HPCENV_ASSIGN(config_, parse_config(config_text_, path_.native()));
  const std::vector<std::string> layers = base::strings_or_empty(image, "Layers");
  if (layers.size() != config_.diff_ids.size()) {
    return no_image(path_, "its layers are not those of its configuration");
  }
  Manifest manifest;
  manifest.media_type = media_type::manifest;
  manifest.config = describe(config_text_, media_type::config);
  blob_names_[manifest.config.digest] = base::string_or(image, "Config");
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto member = members_.find(layers[i]);
    if (member == members_.end()) return no_image(path_, fmt::format("it lacks {}", layers[i]));
    manifest.layers.push_back(
        {layer_media_type(LayerCompression::none), config_.diff_ids[i], member->second.size, {}});
    blob_names_[config_.diff_ids[i]] = layers[i];
  }
  manifest_text_ = image::manifest_text(manifest);
  manifest_ = std::move(manifest);
  descriptor_ = describe(manifest_text_, media_type::manifest);
  if (serves(config_.platform, wanted)) return {};
  return other_platform(path_, config_.platform, wanted);
}

Result<BlobPlace> ImageFile::place(const Descriptor& blob) const {
  const auto renamed = blob_names_.find(blob.digest);
  const std::string member =
      renamed != blob_names_.end() ? renamed->second : blob_member(blob.digest);
  BlobPlace place{path_ / member, 0, 0};
  if (is_directory_) {
    std::error_code error;
    place.size = fs::file_size(place.file, error);
    if (error) {
      return missing_blob(path_, blob);
    }
  } else {
    const auto found = members_.find(member);
    if (found == members_.end()) {
      return missing_blob(path_, blob);
    }
    place = found->second;
  }
  if (place.size == blob.size) return place;
  return fail(ErrorKind::refused, "{}: the blob {} has {} bytes, not {}", path_.native(),
              blob.digest, place.size, blob.size);
}

Result<> ImageFile::read_blob(const Descriptor& blob, const ByteSink& sink) const {
  HPCENV_ASSIGN(const BlobPlace where, place(blob));
  base::Hasher hasher(base::HashKind::sha256);
  HPCENV_TRY(read_place(where, [&](std::span<const std::byte> bytes) {
    hasher.update(bytes);
    return sink(bytes);
  }));
  const std::string found = digest_of_hex(hasher.finish());
  if (found == blob.digest) return {};
  return fail(ErrorKind::refused, "{}: a blob is damaged: its digest is {}, not {}", path_.native(),
              found, blob.digest);
}

}  // namespace hpcenv::image
