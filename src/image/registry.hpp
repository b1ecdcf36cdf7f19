// One repository of a registry, by the distribution specification 1.1.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "image/image_file.hpp"
#include "image/oci.hpp"
#include "image/reference.hpp"
#include "image/registry_connection.hpp"

namespace hpcenv::image {

/// How a blob came to be in a repository.
enum class Arrival {
  there,    ///< it was
  mounted,  ///< from another repository, without its bytes
  sent,
};

struct FoundManifest {
  Descriptor descriptor;
  std::string text;  ///< its exact bytes
};

/// Where a blob's bytes are: in a file, or here.
using BlobBytes = std::variant<BlobPlace, std::string>;

/// How many bytes of a blob are through. A failure ends the transfer with it.
using BlobProgress = std::function<Result<>(std::uint64_t done)>;

enum class Access { pull, push };

class Repository {
 public:
  /// `mount_from`: a repository of the same registry that may have blobs already.
  Repository(const Reference& reference, Access access, const RegistrySeams& seams,
             const RegistryOptions& options, std::optional<Reference> mount_from = std::nullopt);

  const Reference& reference() const { return reference_; }
  /// How many blobs may be under way at once.
  std::size_t jobs() const { return connection_.options().jobs; }

  // Any thread. Kinds: refused where credentials are missing, not accepted or not enough, or where
  // what comes is not what its digest names; not_found; network, after retries.

  /// By tag or digest; the digest is checked.
  Result<FoundManifest> manifest(const std::string& key);
  /// Under a tag or its digest, with its media type; gives the digest under which it lies, which is
  /// that of its bytes.
  Result<Descriptor> put_manifest(const std::string& key, const std::string& text,
                                  const std::string& media_type);

  /// In parts, each from where the registry says that it is; begun anew where it has forgotten.
  Result<Arrival> send_blob(const Descriptor& blob, const BlobBytes& source,
                            const BlobProgress& progress);
  /// From the first byte to the last, each once; resumed where the connection breaks. Size and
  /// digest are compared at the end.
  Result<> read_blob(const Descriptor& blob, const ByteSink& sink);

  enum class AttachedBy { referrers, tag };
  /// A manifest that has `subject` is put under its digest and listed with it: by the registry, or
  /// where that knows no referrers, under the tag `sha256-HEX`.
  Result<AttachedBy> attach(const Descriptor& subject, const std::string& text);
  /// The manifests that are attached to one, from either place.
  Result<std::vector<Descriptor>> referrers(const std::string& digest);

 private:
  Result<net::ExchangeAnswer> put(const std::string& key, const std::string& text,
                                  const std::string& media_type);
  Result<> list_under_tag(const Descriptor& subject, const std::string& text);
  std::string name_of(const std::string& key) const;
  std::string path(std::string_view rest) const;

  Reference reference_;
  std::optional<Reference> mount_from_;
  RegistryConnection connection_;
};

}  // namespace hpcenv::image
