// Documents of the OCI image specification 1.1 (descriptor, manifest, index, configuration) as
// values, with the docker forms that say the same (schema 2). Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hpcenv::image {

namespace media_type {
inline constexpr std::string_view manifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view index = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view config = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view layer = "application/vnd.oci.image.layer.v1.tar";
inline constexpr std::string_view docker_manifest =
    "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view docker_index =
    "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view docker_config = "application/vnd.docker.container.image.v1+json";
}  // namespace media_type

using Annotations = std::map<std::string, std::string>;

/// How a blob is named and found.
struct Descriptor {
  std::string media_type;
  std::string digest;  ///< "sha256:" and 64 hex digits
  std::uint64_t size = 0;
  Annotations annotations;
  bool operator==(const Descriptor&) const = default;
};

/// In the words of Go: "amd64", "arm64"; "linux"; the variant may be empty.
struct Platform {
  std::string architecture;
  std::string os;
  std::string variant;
  bool operator==(const Platform&) const = default;
};

struct Manifest {
  std::string media_type;
  Descriptor config;
  std::vector<Descriptor> layers;  ///< the lowest first
  Annotations annotations;
  std::optional<Descriptor> subject;
  std::string artifact_type;
};

struct IndexEntry {
  Descriptor descriptor;
  std::optional<Platform> platform;
};

struct Index {
  std::vector<IndexEntry> manifests;
  Annotations annotations;
};

struct HistoryEntry {
  std::string created;
  std::string created_by;
  std::string comment;
  bool empty_layer = false;
};

struct ImageConfig {
  std::string created;  ///< RFC 3339; may be empty
  Platform platform;
  std::vector<std::string> environment;  ///< NAME=VALUE
  std::vector<std::string> entrypoint;
  std::vector<std::string> command;
  std::string user;
  std::string working_directory;
  Annotations labels;
  std::vector<std::string> diff_ids;  ///< digests of the uncompressed layers, the lowest first
  std::vector<HistoryEntry> history;
};

// Kind refused: no JSON, or not of this form; digests, sizes and media types are checked for form,
// members that are not known are left out. `name` (a path or reference) stands in messages.
Result<Manifest> parse_manifest(std::string_view text, const std::string& name);
Result<Index> parse_index(std::string_view text, const std::string& name);
Result<ImageConfig> parse_config(std::string_view text, const std::string& name);

// The same value gives the same bytes, ever.
std::string manifest_text(const Manifest& manifest);
std::string index_text(const Index& index);
std::string config_text(const ImageConfig& config);

bool is_manifest(std::string_view type);
bool is_index(std::string_view type);
/// "sha256:" and 64 lower-case hex digits; other algorithms are not used by anybody.
bool is_digest(std::string_view text);
/// "sha256:" and the hex digits of a digest that base::Hasher made, and back.
std::string digest_of_hex(std::string_view hex);
std::string_view hex_of_digest(std::string_view digest);
/// Digest and size of these bytes.
Descriptor describe(std::string_view bytes, std::string_view type);

enum class LayerCompression { none, gzip, zstd };
/// Of a layer's media type, OCI's or docker's. Kind refused for other types, and for layers that
/// registries do not hand out (foreign, nondistributable).
Result<LayerCompression> layer_compression(std::string_view type);
std::string layer_media_type(LayerCompression compression);
const char* name_of(LayerCompression compression);

/// "linux-64" -> amd64 on linux. Kind refused for subdirs that no container runs.
Result<Platform> platform_of_subdir(std::string_view subdir);
/// "linux/amd64", for messages.
std::string platform_text(const Platform& platform);
/// Whether an image for `offered` serves who wants `wanted`: an empty variant is any, and so is an
/// empty platform.
bool serves(const Platform& offered, const Platform& wanted);
/// The entry to take from an index. Kind not_found, naming the platforms that there are.
Result<Descriptor> choose(const Index& index, const Platform& wanted, const std::string& name);

}  // namespace hpcenv::image
