#include "image/pull.hpp"

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <future>
#include <thread>

#include "base/file_lock.hpp"
#include "unit/image/scripted_registry.hpp"
#include "unit/support/steps.hpp"

namespace hpcenv::image {
namespace {

const Platform amd64{"amd64", "linux", ""};
const std::string layer = "the layer";
const std::string config_json = fmt::format(
    R"({{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{0}","{0}"]}}}})",
    describe(layer, "").digest);

std::string manifest_of(const std::string& config, std::string_view type = media_type::config) {
  Manifest manifest;
  manifest.media_type = media_type::manifest;
  manifest.config = describe(config, type);
  manifest.layers = {describe(layer, layer_media_type(LayerCompression::none))};
  manifest.layers.push_back(manifest.layers.front());
  return manifest_text(manifest);
}

std::string index_of(const std::string& manifest, const Platform& platform) {
  Index index;
  index.manifests.push_back({describe(manifest, media_type::manifest), platform});
  return index_text(index);
}

net::ExchangeAnswer document(const std::string& text, std::string_view type) {
  return reply(200, {{"content-type", std::string(type)}}, text);
}

struct PullCase : RegistryCase {
  Result<PulledBase> base(const std::string& name = "reg.example/team/app:1") {
    return pull_base(*parse_reference(name), amd64, directory.path() / "images",
                     {registry, *runner, clock, environment, steps}, options);
  }
  void answer_whole() {
    const std::string manifest = manifest_of(config_json);
    registry.answers = {document(manifest, media_type::manifest), reply(200, {}, config_json),
                        reply(200, {}, layer)};
  }

  test::Steps steps;
};

TEST_CASE("a base is pulled once, and opened from the cache") {
  PullCase test;
  test.answer_whole();
  const auto first = test.base();
  REQUIRE(first.has_value());
  const std::string digest = describe(manifest_of(config_json), "").digest;
  CHECK(first->manifest.digest == digest);
  CHECK(reference_text(first->reference) == "reg.example/team/app:1@" + digest);
  const auto image = ImageFile::open(first->layout, amd64);
  REQUIRE(image.has_value());
  CHECK(image->reference() == "reg.example/team/app:1");
  CHECK(image->manifest_text() == manifest_of(config_json));
  // One layer that stands twice in the manifest comes once.
  CHECK(test.registry.asked.size() == 3);

  test.registry.answers = {document(manifest_of(config_json), media_type::manifest)};
  const auto second = test.base();
  REQUIRE(second.has_value());
  CHECK(second->layout == first->layout);
  CHECK(test.registry.asked.size() == 4);

  const auto pinned = test.base("reg.example/team/app@" + digest);
  REQUIRE(pinned.has_value());
  CHECK(test.registry.asked.size() == 4);
}

TEST_CASE("a damaged cache is fetched anew") {
  PullCase test;
  test.answer_whole();
  const auto first = test.base();
  REQUIRE(first.has_value());
  std::filesystem::remove(first->layout / "index.json");
  test.answer_whole();
  CHECK(test.base().has_value());
  CHECK(test.registry.asked.size() == 6);
}

TEST_CASE("what another process pulls is waited for, and taken") {
  PullCase other;
  other.answer_whole();
  const auto pulled = other.base();
  REQUIRE(pulled.has_value());

  PullCase test;
  const std::filesystem::path folder = test.directory.path() / "images";
  std::filesystem::create_directories(folder);
  const std::filesystem::path layout = folder / pulled->layout.filename();
  auto lock = base::FileLock::acquire(layout.native() + ".lock", std::chrono::milliseconds(0));
  REQUIRE(lock.has_value());
  test.registry.answers = {document(manifest_of(config_json), media_type::manifest)};
  auto waiting = std::async(std::launch::async, [&] { return test.base(); });
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (test.steps.count() < 2 && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  CHECK(discard_base(layout).error().kind == ErrorKind::refused);
  std::filesystem::rename(pulled->layout, layout);
  lock = fail(ErrorKind::refused, "released");
  const auto taken = waiting.get();
  REQUIRE(taken.has_value());
  CHECK(taken->layout == layout);
  CHECK(test.registry.asked.size() == 1);
  CHECK(test.steps.text(1) == "Waiting for another process that pulls reg.example/team/app:1");
}

TEST_CASE("bases are listed and discarded, half ones too") {
  PullCase test;
  const std::filesystem::path folder = test.directory.path() / "images";
  CHECK(cached_bases(folder).empty());
  test.answer_whole();
  const auto pulled = test.base();
  REQUIRE(pulled.has_value());
  std::filesystem::create_directories(pulled->layout.native() + ".partial/layout");
  std::filesystem::create_directories(pulled->layout.native() + ".gone/blobs");
  CHECK(cached_bases(folder).size() == 3);
  for (const auto& base : cached_bases(folder)) CHECK(discard_base(base).has_value());
  CHECK(cached_bases(folder).empty());
}

TEST_CASE("of an index the manifest for the platform is taken") {
  PullCase test;
  const std::string manifest = manifest_of(config_json);
  const std::string index = index_of(manifest, amd64);
  test.registry.answers = {document(index, media_type::index),
                           document(manifest, media_type::manifest), reply(200, {}, config_json),
                           reply(200, {}, layer)};
  const auto base = test.base();
  REQUIRE(base.has_value());
  CHECK(base->reference.digest == describe(index, "").digest);
  CHECK(base->manifest.digest == describe(manifest, "").digest);
}

TEST_CASE("what is for another machine, or for none, is refused before it comes") {
  struct Case {
    std::deque<net::ExchangeAnswer> answers;
    ErrorKind kind;
    const char* words;
  };
  const std::string arm = R"({"architecture":"arm64","os":"linux"})";
  const Case cases[] = {
      {{document(index_of(manifest_of(config_json), {"arm64", "linux", ""}), media_type::index)},
       ErrorKind::not_found,
       "has no image for linux/amd64"},
      {{document(manifest_of(arm), media_type::manifest), reply(200, {}, arm)},
       ErrorKind::refused,
       "is for linux/arm64, not for linux/amd64"},
      {{document(manifest_of("{}", "application/vnd.cncf.helm.config.v1+json"),
                 media_type::manifest)},
       ErrorKind::refused,
       "is no image of a container"},
      {{document(R"({"schemaVersion":2,"mediaType":"application/x"})", "application/x")},
       ErrorKind::refused,
       "is of a kind that is not known: application/x"}};
  for (const Case& wanted : cases) {
    PullCase test;
    test.registry.answers = wanted.answers;
    const auto base = test.base();
    REQUIRE_FALSE(base.has_value());
    INFO(base.error().message);
    CHECK(base.error().kind == wanted.kind);
    CHECK(base.error().message.contains(wanted.words));
    CHECK(test.registry.answers.empty());
  }
}

TEST_CASE("a pull that failed goes on with what it has") {
  PullCase test;
  const std::string manifest = manifest_of(config_json);
  test.registry.answers = {document(manifest, media_type::manifest), reply(200, {}, config_json),
                           reply(200, {}, "the laXer")};
  const auto failed = test.base();
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().kind == ErrorKind::refused);
  const std::string digest = describe(manifest, "").digest;
  CHECK_FALSE(ImageFile::open(test.directory.path() / "images" /
                                  (std::string(hex_of_digest(digest)) + "-linux-amd64"),
                              amd64)
                  .has_value());
  test.registry.answers = {document(manifest, media_type::manifest), reply(200, {}, layer)};
  CHECK(test.base().has_value());
}

}  // namespace
}  // namespace hpcenv::image
