// An image that comes into being beside its place and gets its name when it is whole. What a killed
// run had finished is taken up by the next.
//
//   OUT.partial/lock          who is at work
//   OUT.partial/layout/       blobs/sha256/HEX, finished ones only; hpcenv-layers/ (what they are)
//   OUT.partial/new-N         a blob that is being written
//
// An OCI layout directory that is there already is added to: blobs first, index.json last, then
// what no index names is removed.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/fs.hpp"
#include "base/hash.hpp"
#include "base/result.hpp"
#include "image/oci.hpp"
#include "image/tar_members.hpp"

namespace hpcenv::base {
class FileLock;
}

namespace hpcenv::image {

enum class ImageFormat {
  oci_archive,  ///< one tar file that says what it holds as OCI and as docker do
  oci_dir,      ///< an OCI image layout directory
};

/// One blob that is being written; hashed on the way. What is not finished is removed with it.
class BlobWriter {
 public:
  BlobWriter(BlobWriter&& other) noexcept;
  BlobWriter& operator=(BlobWriter&&) = delete;
  BlobWriter(const BlobWriter&) = delete;
  BlobWriter& operator=(const BlobWriter&) = delete;
  ~BlobWriter();
  Result<> write(std::span<const std::byte> bytes);
  std::uint64_t size() const { return size_; }
  /// Gives the blob its name.
  Result<Descriptor> finish(std::string media_type);
  /// The same for a blob whose digest is known: another one is kind refused, and nothing stays.
  Result<> finish_as(const Descriptor& expected, std::string_view source);

 private:
  friend class LayoutWriter;
  BlobWriter(base::Fd fd, std::filesystem::path temporary, std::filesystem::path blobs);
  base::Fd fd_;
  std::filesystem::path temporary_;
  std::filesystem::path blobs_;
  base::Hasher hasher_;
  std::uint64_t size_ = 0;
};

/// A layer that was made before, as it is noted beside the blobs.
struct KnownLayer {
  Descriptor blob;
  std::string diff_id;
  std::uint64_t unpacked_size = 0;  ///< of the tar file, bytes
  /// sha256 in hex of files in it that no package lists as they are: path in the image -> digest.
  std::map<std::string, std::string> noted;
};

class LayoutWriter {
 public:
  /// Kind refused where another process is making the same image, or where `out` is something that
  /// an image of that format may not replace: a directory for an archive, anything but an OCI
  /// layout for a directory.
  static Result<LayoutWriter> open(const std::filesystem::path& out, ImageFormat format);
  LayoutWriter(LayoutWriter&&) noexcept;
  LayoutWriter& operator=(LayoutWriter&&) noexcept;
  /// Without a commit, finished blobs stay for the next run; where there are none nothing stays.
  ~LayoutWriter();

  // Any thread.
  /// A finished blob, by digest and size; its content is not looked at again.
  std::optional<BlobPlace> find(const Descriptor& blob) const;
  Result<BlobWriter> begin_blob() const;
  Result<Descriptor> put(std::string_view bytes, std::string_view media_type) const;
  /// Layers by what they are made of; `key` is a digest. Only those whose blobs are there.
  std::optional<KnownLayer> known_layer(std::string_view key) const;
  Result<> remember(std::string_view key, const KnownLayer& layer) const;

  /// The image of this manifest, all of whose blobs are finished, gets its place by one rename.
  /// `reference` (full name; may be empty) is the name under which engines load it. Gives the
  /// manifest's descriptor.
  Result<Descriptor> commit(const std::string& manifest_text, const std::string& reference);

  /// Where the files of a running build lie, for temporary files of the same file system.
  const std::filesystem::path& workplace() const { return partial_; }

 private:
  LayoutWriter();
  Result<> write_index(const Descriptor& manifest, const std::string& reference) const;
  Result<> commit_archive(const Manifest& manifest, const Descriptor& descriptor,
                          const std::string& reference) const;
  Result<> commit_directory(const Manifest& manifest, const Descriptor& descriptor,
                            const std::string& reference) const;

  std::filesystem::path out_;
  std::filesystem::path partial_;
  std::filesystem::path layout_;  ///< where blobs get their names
  ImageFormat format_ = ImageFormat::oci_archive;
  std::unique_ptr<base::FileLock> lock_;
  std::unique_ptr<std::atomic<std::uint64_t>> count_;  ///< of blobs begun
};

/// "docker.io/library/x:1" -> "1"; empty where there is no tag.
std::string tag_of(std::string_view reference);

}  // namespace hpcenv::image
