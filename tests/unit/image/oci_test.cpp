#include "image/oci.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

namespace hpcenv::image {
namespace {

const std::string digest_a = "sha256:" + std::string(64, 'a');
const std::string digest_b = "sha256:" + std::string(64, 'b');

Manifest small_manifest() {
  Manifest manifest;
  manifest.media_type = media_type::manifest;
  manifest.config = {std::string(media_type::config), digest_a, 7, {}};
  manifest.layers = {{layer_media_type(LayerCompression::gzip), digest_b, 9, {{"k", "v"}}}};
  manifest.annotations = {{"a", "ä"}};
  return manifest;
}

}  // namespace

TEST_CASE("a manifest is read as it was written") {
  const Manifest manifest = small_manifest();
  const std::string text = manifest_text(manifest);
  const auto read = parse_manifest(text, "m");
  REQUIRE(read);
  CHECK(read->config == manifest.config);
  CHECK(read->layers == manifest.layers);
  CHECK(read->annotations == manifest.annotations);
  CHECK(manifest_text(*read) == text);
}

TEST_CASE("an artifact names its subject") {
  Manifest manifest = small_manifest();
  manifest.artifact_type = "application/spdx+json";
  manifest.subject = Descriptor{std::string(media_type::manifest), digest_b, 3, {}};
  const auto read = parse_manifest(manifest_text(manifest), "m");
  REQUIRE(read);
  CHECK(read->artifact_type == manifest.artifact_type);
  CHECK(read->subject == manifest.subject);
}

TEST_CASE("a manifest that is none is refused by name") {
  const std::string good = manifest_text(small_manifest());
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return parse_manifest(text, "FILE");
  };
  for (const auto& result :
       {parse_manifest("{", "FILE"), parse_manifest("[]", "FILE"), parse_manifest("{}", "FILE"),
        with(digest_a, "sha512:00"), with("\"size\":7", "\"size\":-7"),
        with("\"layers\"", "\"other\""), with("manifest.v1", "index.v1"),
        with("\"schemaVersion\":2", "\"schemaVersion\":1")}) {
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().kind == ErrorKind::refused);
    CHECK(result.error().message.find("FILE") != std::string::npos);
  }
}

TEST_CASE("a configuration is read as it was written") {
  ImageConfig config;
  config.created = "2026-11-27T00:00:00Z";
  config.platform = {"arm64", "linux", "v8"};
  config.environment = {"A=b c", "PATH=/x"};
  config.command = {"python"};
  config.entrypoint = {"/e"};
  config.user = "1000";
  config.working_directory = "/w";
  config.labels = {{"l", "1"}};
  config.diff_ids = {digest_a, digest_b};
  config.history = {{"2026-11-27T00:00:00Z", "hpcenv", "c", false}, {"", "x", "", true}};
  const std::string text = config_text(config);
  const auto read = parse_config(text, "c");
  REQUIRE(read);
  CHECK(config_text(*read) == text);
  CHECK(read->history.at(1).empty_layer);
  CHECK(read->entrypoint == config.entrypoint);
  CHECK_FALSE(parse_config(R"({"rootfs":{"diff_ids":["md5:1"]}})", "c").has_value());
}

TEST_CASE("the image for a platform is chosen from an index") {
  Index index;
  index.manifests = {
      {{std::string(media_type::manifest), digest_a, 1, {}}, Platform{"arm64", "linux", "v8"}},
      {{std::string(media_type::manifest), digest_b, 1, {}}, Platform{"amd64", "linux", ""}}};
  const auto read = parse_index(index_text(index), "i");
  REQUIRE(read);
  CHECK(choose(*read, {"amd64", "linux", ""}, "i")->digest == digest_b);
  CHECK(choose(*read, {"arm64", "linux", ""}, "i")->digest == digest_a);
  CHECK(choose(*read, {}, "i").error().message == "i has no image that is the only one");
  const auto none = choose(*read, {"s390x", "linux", ""}, "IMAGE");
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().kind == ErrorKind::not_found);
  CHECK(none.error().hints.front() == "there is linux/arm64/v8, linux/amd64");
  index.manifests = {{{std::string(media_type::manifest), digest_a, 1, {}}, std::nullopt}};
  CHECK(choose(index, {"s390x", "linux", ""}, "i").has_value());
  CHECK(choose(index, {}, "i").has_value());
  CHECK(serves({"arm64", "linux", "v8"}, {}));
}

TEST_CASE("layers' types are those of OCI and docker") {
  CHECK(layer_compression("application/vnd.oci.image.layer.v1.tar") == LayerCompression::none);
  CHECK(layer_compression("application/vnd.docker.image.rootfs.diff.tar.gzip") ==
        LayerCompression::gzip);
  CHECK(layer_compression(layer_media_type(LayerCompression::zstd)) == LayerCompression::zstd);
  CHECK_FALSE(layer_compression("application/vnd.oci.image.layer.v1.tar+xz").has_value());
  CHECK_FALSE(layer_compression("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"));
  CHECK(platform_of_subdir("linux-aarch64")->architecture == "arm64");
  CHECK_FALSE(platform_of_subdir("osx-64").has_value());
}

TEST_CASE("digests have one form") {
  CHECK(is_digest(digest_a));
  CHECK_FALSE(is_digest("sha256:" + std::string(64, 'A')));
  CHECK_FALSE(is_digest("sha256:" + std::string(63, 'a')));
  CHECK_FALSE(is_digest(std::string(64, 'a')));
  CHECK(hex_of_digest(digest_a) == std::string(64, 'a'));
}

}  // namespace hpcenv::image
