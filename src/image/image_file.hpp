// An image that lies on this disk: an OCI image layout (a directory), the same as one tar file
// (oci-archive), or what `docker save` wrote (docker-archive).
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "base/result.hpp"
#include "image/oci.hpp"
#include "image/tar_members.hpp"

namespace hpcenv::image {

using ByteSink = std::function<Result<>(std::span<const std::byte>)>;

/// A value; nothing stays open. Functions may be called from several threads.
class ImageFile {
 public:
  /// Reads and checks (digests and sizes) manifest and configuration, not the layers. Of several
  /// images the one for `wanted` is taken. Kind not_found where nothing is there, or nothing for
  /// that platform; refused where it is no image, or damaged.
  static Result<ImageFile> open(const std::filesystem::path& path, const Platform& wanted);
  /// The only image that is there, whatever it is for; of several the one for this machine.
  static Result<ImageFile> open_any(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  /// Of the manifest. A docker-archive has none: then it is that of the OCI manifest which says the
  /// same.
  const Descriptor& descriptor() const { return descriptor_; }
  const std::string& manifest_text() const { return manifest_text_; }
  const Manifest& manifest() const { return manifest_; }
  const std::string& config_text() const { return config_text_; }
  const ImageConfig& config() const { return config_; }
  /// "docker.io/library/debian:13-slim" and the like, as the file says it; may be empty.
  const std::string& reference() const { return reference_; }

  /// Where a blob's bytes lie. Kind not_found where it is missing, refused where its size is not
  /// the descriptor's.
  Result<BlobPlace> place(const Descriptor& blob) const;
  /// The whole blob in pieces; size and digest are compared at the end, a mismatch is kind refused.
  Result<> read_blob(const Descriptor& blob, const ByteSink& sink) const;

 private:
  Result<> open_layout(const Platform& wanted);
  Result<> open_docker_archive(const Platform& wanted);
  Result<std::string> text_of(const std::string& member) const;
  Result<std::string> checked_text(const Descriptor& blob) const;
  Result<> take_manifest(const Descriptor& descriptor, const Platform& wanted);

  std::filesystem::path path_;
  bool is_directory_ = false;
  std::map<std::string, BlobPlace> members_;       ///< of an archive
  std::map<std::string, std::string> blob_names_;  ///< docker-archive: digest -> member
  Descriptor descriptor_;
  std::string manifest_text_;
  Manifest manifest_;
  std::string config_text_;
  ImageConfig config_;
  std::string reference_;
};

/// A part of a file in pieces, in order. Kind refused where the file is shorter.
Result<> read_place(const BlobPlace& place, const ByteSink& sink);

}  // namespace hpcenv::image
