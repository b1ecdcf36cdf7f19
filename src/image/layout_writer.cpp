#include "image/layout_writer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <utility>
#include <vector>

#include "base/fault.hpp"
#include "base/file_lock.hpp"
#include "base/json.hpp"
#include "base/parallel.hpp"
#include "image/image_file.hpp"
#include "image/tar_header.hpp"

namespace hpcenv::image {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view partial_suffix = ".partial";
constexpr std::string_view blobs_folder = "blobs/sha256";
constexpr std::string_view layers_folder = "hpcenv-layers";
constexpr std::string_view layout_version = R"({"imageLayoutVersion":"1.0.0"})";
constexpr std::chrono::milliseconds lock_wait{0};

fs::path with_suffix(const fs::path& path, std::string_view suffix) {
  return fs::path(path.native() + std::string(suffix));
}

fs::path blob_path(const fs::path& layout, std::string_view digest) {
  return layout / blobs_folder / hex_of_digest(digest);
}

Result<> check_place(const fs::path& out, ImageFormat format) {
  struct stat status{};
  if (stat(out.c_str(), &status) != 0) return {};
  const bool is_directory = S_ISDIR(status.st_mode);
  if (format == ImageFormat::oci_archive) {
    if (!is_directory) return {};
    return fail_hint(ErrorKind::refused, fmt::format("{} is a directory", out.native()),
                     "name a file, or choose --format oci-dir");
  }
  if (is_directory && base::path_exists(out / "oci-layout")) return {};
  std::error_code error;
  if (is_directory && fs::is_empty(out, error) && !error) return {};
  return fail_hint(ErrorKind::refused,
                   fmt::format("{} exists and is no OCI layout: it is left alone", out.native()),
                   "choose another path, or remove it first");
}

/// Several threads copy; more do not help.
constexpr std::size_t most_copiers = 4;

/// A tar file of named contents, all of whose sizes are known: each is written to its own place.
class ArchiveFile {
 public:
  explicit ArchiveFile(fs::path path) : path_(std::move(path)) {}

  void add_directory(const std::string& name) {
    add(Member{name, TarHeader::Type::directory, {}, std::nullopt, 0});
  }
  void add(const std::string& name, std::string text) {
    add(Member{name, TarHeader::Type::file, std::move(text), std::nullopt, 0});
  }
  void add(const std::string& name, const BlobPlace& place) {
    add(Member{name, TarHeader::Type::file, {}, place, 0});
  }

  Result<> write() {
    base::fault_point("image.archive.create");
    HPCENV_ASSIGN(fd_, base::create_new(path_, 0666));
    // What is not written reads as zeros: padding and the end.
    if (ftruncate(fd_.get(), static_cast<off_t>(end_ + tar_end)) != 0) {
      return fail_errno(errno, fmt::format("cannot write {}", path_.native()));
    }
    const std::size_t copiers = std::min(base::available_processors(), most_copiers);
    HPCENV_TRY(base::parallel_for(members_.size(), copiers,
                                  [&](std::size_t i) { return write_member(members_[i]); }));
    if (close(fd_.release()) == 0 || errno == EINTR) return {};
    return fail_errno(errno, fmt::format("cannot write {}", path_.native()));
  }

 private:
  struct Member {
    std::string name;
    TarHeader::Type type;
    std::string text;
    std::optional<BlobPlace> place;
    std::uint64_t offset;
    std::uint64_t size() const { return place ? place->size : text.size(); }
  };

  static std::string header_of(const Member& member) {
    TarHeader header;
    header.type = member.type;
    header.path = member.name;
    header.mode = member.type == TarHeader::Type::directory ? 0755 : 0644;
    header.size = member.size();
    return tar_header(header);
  }

  void add(Member member) {
    member.offset = end_;
    end_ += header_of(member).size() + member.size() + tar_padding(member.size());
    members_.push_back(std::move(member));
  }

  Result<> write_member(const Member& member) {
    const std::string head = header_of(member) + member.text;
    HPCENV_TRY(write_at(head, member.offset));
    if (!member.place) return {};
    std::uint64_t offset = member.offset + head.size();
    return read_place(*member.place, [&](std::span<const std::byte> bytes) -> Result<> {
      HPCENV_TRY(write_at({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, offset));
      offset += bytes.size();
      return {};
    });
  }

  Result<> write_at(std::string_view bytes, std::uint64_t offset) {
    base::fault_point("image.archive.write");
    while (!bytes.empty()) {
      const ssize_t done =
          pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return fail_errno(errno, fmt::format("cannot write {}", path_.native()));
      bytes.remove_prefix(static_cast<std::size_t>(done));
      offset += static_cast<std::uint64_t>(done);
    }
    return {};
  }

  fs::path path_;
  base::Fd fd_;
  std::vector<Member> members_;
  std::uint64_t end_ = 0;
};

/// The form of `docker save`; it names the same blobs.
std::string docker_index(const Manifest& manifest, const std::string& reference) {
  base::Json image;
  const auto member = [](const Descriptor& blob) {
    return fmt::format("{}/{}", blobs_folder, hex_of_digest(blob.digest));
  };
  image["Config"] = member(manifest.config);
  image["RepoTags"] = base::Json::array();
  if (!tag_of(reference).empty()) image["RepoTags"].push_back(reference);
  image["Layers"] = base::Json::array();
  for (const Descriptor& layer : manifest.layers) image["Layers"].push_back(member(layer));
  return base::dump_json_line(base::Json::array({image}));
}

std::string layout_index(Descriptor manifest, const std::string& reference) {
  if (!reference.empty()) {
    manifest.annotations["io.containerd.image.name"] = reference;
    const std::string tag = tag_of(reference);
    if (!tag.empty()) manifest.annotations["org.opencontainers.image.ref.name"] = tag;
  }
  Index index;
  index.manifests.push_back({std::move(manifest), std::nullopt});
  return index_text(index);
}

/// Blobs by digest, each once, in an order that the manifest alone decides.
std::vector<Descriptor> blobs_of(const Manifest& manifest, const Descriptor& descriptor) {
  std::vector<Descriptor> blobs{descriptor, manifest.config};
  blobs.insert(blobs.end(), manifest.layers.begin(), manifest.layers.end());
  std::vector<Descriptor> once;
  std::set<std::string, std::less<>> seen;
  for (Descriptor& blob : blobs) {
    if (seen.insert(blob.digest).second) once.push_back(std::move(blob));
  }
  return once;
}

Result<> remove_file(const fs::path& path) {
  base::fault_point("image.unlink");
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return fail_errno(errno, fmt::format("cannot remove {}", path.native()));
}

/// Blobs that the image of this layout does not need.
Result<> remove_other_blobs(const fs::path& layout, const std::vector<Descriptor>& wanted) {
  std::set<std::string, std::less<>> names;
  for (const Descriptor& blob : wanted) names.emplace(hex_of_digest(blob.digest));
  HPCENV_ASSIGN(const std::vector<std::string> blobs, base::list_directory(layout / blobs_folder));
  for (const std::string& name : blobs) {
    if (!names.contains(name)) HPCENV_TRY(remove_file(layout / blobs_folder / name));
  }
  return {};
}

}  // namespace

std::string tag_of(std::string_view reference) {
  const std::size_t at = reference.find('@');
  const std::string_view name = reference.substr(0, at);
  const std::size_t colon = name.rfind(':');
  const std::size_t slash = name.rfind('/');
  if (colon == std::string_view::npos) return "";
  if (slash != std::string_view::npos && slash > colon) return "";
  return std::string(name.substr(colon + 1));
}

BlobWriter::BlobWriter(base::Fd fd, fs::path temporary, fs::path blobs)
    : fd_(std::move(fd)),
      temporary_(std::move(temporary)),
      blobs_(std::move(blobs)),
      hasher_(base::HashKind::sha256) {}

BlobWriter::BlobWriter(BlobWriter&& other) noexcept
    : fd_(std::move(other.fd_)),
      temporary_(std::exchange(other.temporary_, {})),
      blobs_(std::move(other.blobs_)),
      hasher_(std::move(other.hasher_)),
      size_(other.size_) {}

BlobWriter::~BlobWriter() {
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

Result<> BlobWriter::write(std::span<const std::byte> bytes) {
  base::fault_point("image.blob.write");
  HPCENV_TRY(base::write_all(fd_.get(), {reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                             temporary_));
  hasher_.update(bytes);
  size_ += bytes.size();
  return {};
}

Result<Descriptor> BlobWriter::finish(std::string media_type) {
  if (close(fd_.release()) != 0 && errno != EINTR) {
    return fail_errno(errno, fmt::format("cannot write {}", temporary_.native()));
  }
  Descriptor blob{std::move(media_type), digest_of_hex(hasher_.finish()), size_, {}};
  base::fault_point("image.blob.rename");
  HPCENV_TRY(base::rename_path(temporary_, blobs_ / hex_of_digest(blob.digest)));
  temporary_.clear();
  return blob;
}

Result<> BlobWriter::finish_as(const Descriptor& expected, std::string_view source) {
  if (size_ != expected.size) {
    return fail(ErrorKind::refused, "{}: the blob {} has {} bytes, not {}", source, expected.digest,
                size_, expected.size);
  }
  if (close(fd_.release()) != 0 && errno != EINTR) {
    return fail_errno(errno, fmt::format("cannot write {}", temporary_.native()));
  }
  const std::string digest = digest_of_hex(hasher_.finish());
  if (digest != expected.digest) {
    return fail(ErrorKind::refused, "{}: a blob is damaged: its digest is {}, not {}", source,
                digest, expected.digest);
  }
  base::fault_point("image.blob.rename");
  HPCENV_TRY(base::rename_path(temporary_, blobs_ / hex_of_digest(digest)));
  temporary_.clear();
  return {};
}

LayoutWriter::LayoutWriter() : count_(std::make_unique<std::atomic<std::uint64_t>>(0)) {}
LayoutWriter::LayoutWriter(LayoutWriter&&) noexcept = default;
LayoutWriter& LayoutWriter::operator=(LayoutWriter&&) noexcept = default;
LayoutWriter::~LayoutWriter() {
  if (lock_ == nullptr) return;
  const auto blobs = base::list_directory(partial_ / "layout" / blobs_folder);
  if (!blobs.has_value() || blobs->empty()) static_cast<void>(base::remove_tree(partial_));
}

Result<LayoutWriter> LayoutWriter::open(const fs::path& out, ImageFormat format) {
  LayoutWriter writer;
  HPCENV_ASSIGN(writer.out_, base::resolve_path(out));
  HPCENV_TRY(check_place(writer.out_, format));
  writer.format_ = format;
  writer.partial_ = with_suffix(writer.out_, partial_suffix);
  HPCENV_TRY(base::make_directories(writer.partial_));
  auto lock = base::FileLock::acquire(writer.partial_ / "lock", lock_wait);
  if (!lock.has_value()) {
    if (lock.error().kind != ErrorKind::refused) return Failure(std::move(lock).error());
    return fail_hint(ErrorKind::refused,
                     fmt::format("another process is making {}", writer.out_.native()),
                     "wait for it, or choose another path");
  }
  writer.lock_ = std::make_unique<base::FileLock>(std::move(*lock));
  const bool is_added_to =
      format == ImageFormat::oci_dir && base::path_exists(writer.out_ / "oci-layout");
  writer.layout_ = is_added_to ? writer.out_ : writer.partial_ / "layout";
  HPCENV_TRY(base::make_directories(writer.layout_ / blobs_folder));
  HPCENV_TRY(base::make_directories(writer.layout_ / layers_folder));
  // Blobs of a killed run that never got their names, and its half archive.
  HPCENV_ASSIGN(const std::vector<std::string> names, base::list_directory(writer.partial_));
  for (const std::string& name : names) {
    if (name != "lock" && name != "layout") {
      HPCENV_TRY(base::remove_tree(writer.partial_ / name));
    }
  }
  return writer;
}

std::optional<BlobPlace> LayoutWriter::find(const Descriptor& blob) const {
  const fs::path path = blob_path(layout_, blob.digest);
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  if (error || size != blob.size) return std::nullopt;
  return BlobPlace{path, 0, blob.size};
}

Result<BlobWriter> LayoutWriter::begin_blob() const {
  const fs::path temporary = partial_ / fmt::format("new-{}", ++*count_);
  base::fault_point("image.blob.create");
  HPCENV_ASSIGN(base::Fd fd, base::create_new(temporary, 0666));
  return BlobWriter(std::move(fd), temporary, layout_ / blobs_folder);
}

Result<Descriptor> LayoutWriter::put(std::string_view bytes, std::string_view media_type) const {
  Descriptor blob = describe(bytes, media_type);
  if (find(blob)) return blob;
  HPCENV_ASSIGN(BlobWriter writer, begin_blob());
  HPCENV_TRY(writer.write(std::as_bytes(std::span(bytes.data(), bytes.size()))));
  return writer.finish(std::string(media_type));
}

std::optional<KnownLayer> LayoutWriter::known_layer(std::string_view key) const {
  const fs::path note = layout_ / layers_folder / hex_of_digest(key);
  const auto text = base::read_file(note);
  if (!text.has_value()) return std::nullopt;
  const auto json = base::parse_json(*text, note.native());
  if (!json.has_value() || !json->is_object()) return std::nullopt;
  KnownLayer layer;
  layer.blob.media_type = base::string_or(*json, "mediaType");
  layer.blob.digest = base::string_or(*json, "digest");
  layer.blob.size = static_cast<std::uint64_t>(base::integer_or(*json, "size", -1));
  layer.diff_id = base::string_or(*json, "diffId");
  layer.unpacked_size = static_cast<std::uint64_t>(base::integer_or(*json, "unpackedSize"));
  const base::Json noted = json->value("files", base::Json::object());
  if (!noted.is_object()) return std::nullopt;
  for (const auto& [path, digest] : noted.items()) {
    if (digest.is_string()) layer.noted.emplace(path, digest.get<std::string>());
  }
  if (!is_digest(layer.blob.digest) || !is_digest(layer.diff_id)) return std::nullopt;
  if (!find(layer.blob)) return std::nullopt;
  return layer;
}

Result<> LayoutWriter::remember(std::string_view key, const KnownLayer& layer) const {
  base::Json json;
  json["mediaType"] = layer.blob.media_type;
  json["digest"] = layer.blob.digest;
  json["size"] = layer.blob.size;
  json["diffId"] = layer.diff_id;
  json["unpackedSize"] = layer.unpacked_size;
  json["files"] = layer.noted;
  return base::write_file(layout_ / layers_folder / hex_of_digest(key), base::dump_json_line(json));
}

Result<Descriptor> LayoutWriter::commit(const std::string& manifest_text,
                                        const std::string& reference) {
  HPCENV_ASSIGN(const Manifest manifest, parse_manifest(manifest_text, out_.native()));
  HPCENV_ASSIGN(Descriptor descriptor, put(manifest_text, manifest.media_type));
  for (const Descriptor& blob : blobs_of(manifest, descriptor)) {
    if (!find(blob)) {
      return fail(ErrorKind::bug, "the blob {} of the new image {} is missing", blob.digest,
                  out_.native());
    }
  }
  HPCENV_TRY(format_ == ImageFormat::oci_archive
                 ? commit_archive(manifest, descriptor, reference)
                 : commit_directory(manifest, descriptor, reference));
  lock_.reset();
  HPCENV_TRY(base::remove_tree(partial_));
  return descriptor;
}

Result<> LayoutWriter::commit_archive(const Manifest& manifest, const Descriptor& descriptor,
                                      const std::string& reference) const {
  const fs::path temporary = partial_ / "archive";
  ArchiveFile archive(temporary);
  // What says what it is comes first: readers that stream need not go through all of it.
  archive.add("oci-layout", std::string(layout_version));
  archive.add("index.json", layout_index(descriptor, reference));
  archive.add("manifest.json", docker_index(manifest, reference));
  archive.add_directory("blobs");
  archive.add_directory(std::string(blobs_folder));
  for (const Descriptor& blob : blobs_of(manifest, descriptor)) {
    archive.add(fmt::format("{}/{}", blobs_folder, hex_of_digest(blob.digest)),
                BlobPlace{blob_path(layout_, blob.digest), 0, blob.size});
  }
  HPCENV_TRY(archive.write());
  base::fault_point("image.commit");
  return base::rename_path(temporary, out_);
}

Result<> LayoutWriter::commit_directory(const Manifest& manifest, const Descriptor& descriptor,
                                        const std::string& reference) const {
  HPCENV_TRY(base::write_file(layout_ / "oci-layout", layout_version));
  HPCENV_TRY(base::write_file(layout_ / "index.json", layout_index(descriptor, reference)));
  HPCENV_TRY(remove_other_blobs(layout_, blobs_of(manifest, descriptor)));
  HPCENV_ASSIGN(const std::vector<std::string> notes,
                base::list_directory(layout_ / layers_folder));
  for (const std::string& note : notes) {
    if (!known_layer(digest_of_hex(note))) HPCENV_TRY(remove_file(layout_ / layers_folder / note));
  }
  if (layout_ == out_) return {};
  base::fault_point("image.commit");
  return base::rename_path(layout_, out_);
}

}  // namespace hpcenv::image
