#include "image/oci.hpp"

#include <algorithm>
#include <array>

#include "base/hash.hpp"
#include "base/text.hpp"

namespace hpcenv::image {

namespace {

constexpr std::string_view sha256_prefix = "sha256:";
constexpr std::size_t sha256_digits = 64;
constexpr std::string_view docker_layer = "application/vnd.docker.image.rootfs.diff.tar";

struct ArchitectureName {
  std::string_view subdir;
  std::string_view architecture;
};
constexpr auto architectures = std::to_array<ArchitectureName>({{"linux-64", "amd64"},
                                                                {"linux-aarch64", "arm64"},
                                                                {"linux-ppc64le", "ppc64le"},
                                                                {"linux-s390x", "s390x"}});

}  // namespace

bool is_manifest(std::string_view type) {
  return type == media_type::manifest || type == media_type::docker_manifest;
}

bool is_index(std::string_view type) {
  return type == media_type::index || type == media_type::docker_index;
}

bool is_digest(std::string_view text) {
  return text.starts_with(sha256_prefix) && text.size() == sha256_prefix.size() + sha256_digits &&
         text.find_first_not_of("0123456789abcdef", sha256_prefix.size()) == std::string_view::npos;
}

std::string digest_of_hex(std::string_view hex) { return fmt::format("{}{}", sha256_prefix, hex); }

std::string_view hex_of_digest(std::string_view digest) {
  return digest.substr(std::min(sha256_prefix.size(), digest.size()));
}

Descriptor describe(std::string_view bytes, std::string_view type) {
  return {std::string(type),
          digest_of_hex(base::hash_text(base::HashKind::sha256, bytes)),
          bytes.size(),
          {}};
}

Result<LayerCompression> layer_compression(std::string_view type) {
  for (const std::string_view plain : {media_type::layer, docker_layer}) {
    if (!type.starts_with(plain)) continue;
    const std::string_view rest = type.substr(plain.size());
    if (rest.empty()) return LayerCompression::none;
    if (rest == "+gzip" || rest == ".gzip") return LayerCompression::gzip;
    if (rest == "+zstd" || rest == ".zstd") return LayerCompression::zstd;
  }
  if (type.find("foreign") != std::string_view::npos ||
      type.find("nondistributable") != std::string_view::npos) {
    return fail_hint(
        ErrorKind::refused,
        fmt::format("the layer type {} is for layers that registries do not hold", type),
        "use another base image; Linux images have no such layers");
  }
  return fail(ErrorKind::refused, "'{}' is no type of an image's layer", type);
}

std::string layer_media_type(LayerCompression compression) {
  const std::string plain(media_type::layer);
  return compression == LayerCompression::none ? plain : plain + "+" + name_of(compression);
}

const char* name_of(LayerCompression compression) {
  switch (compression) {
    case LayerCompression::gzip:
      return "gzip";
    case LayerCompression::zstd:
      return "zstd";
    case LayerCompression::none:
      return "none";
  }
  return "none";
}

Result<Platform> platform_of_subdir(std::string_view subdir) {
  const auto found = std::ranges::find(architectures, subdir, &ArchitectureName::subdir);
  if (found != architectures.end()) return Platform{std::string(found->architecture), "linux", ""};
  return fail_hint(ErrorKind::refused, fmt::format("there are no container images for {}", subdir),
                   "linux-64 and linux-aarch64 are what engines run");
}

std::string platform_text(const Platform& platform) {
  const std::string text = platform.os + "/" + platform.architecture;
  return platform.variant.empty() ? text : text + "/" + platform.variant;
}

bool serves(const Platform& offered, const Platform& wanted) {
  if (wanted == Platform()) return true;
  const bool same = offered.architecture == wanted.architecture && offered.os == wanted.os;
  return same &&
         (offered.variant.empty() || wanted.variant.empty() || offered.variant == wanted.variant);
}

Result<Descriptor> choose(const Index& index, const Platform& wanted, const std::string& name) {
  std::vector<std::string> offered;
  const bool is_only = index.manifests.size() == 1;
  const bool any = wanted == Platform();
  for (const IndexEntry& entry : index.manifests) {
    if (is_only && (any || !entry.platform)) return entry.descriptor;
    if (!any && entry.platform && serves(*entry.platform, wanted)) return entry.descriptor;
    if (entry.platform) offered.push_back(platform_text(*entry.platform));
  }
  const std::string there = offered.empty() ? std::string("it names no platform")
                                            : "there is " + base::join(offered, ", ");
  return fail_hint(ErrorKind::not_found,
                   any ? fmt::format("{} has no image that is the only one", name)
                       : fmt::format("{} has no image for {}", name, platform_text(wanted)),
                   there);
}

}  // namespace hpcenv::image
