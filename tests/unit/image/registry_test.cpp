#include "image/registry.hpp"

#include <catch2/catch_test_macros.hpp>

#include "base/base64.hpp"
#include "base/json.hpp"
#include "unit/image/scripted_registry.hpp"

namespace hpcenv::image {
namespace {

const std::string ten = "0123456789";
const Descriptor blob = describe(ten, media_type::layer);
const std::string manifest_json =
    fmt::format(R"({{"schemaVersion":2,"config":{{"mediaType":"c","digest":"{0}","size":10}},)"
                R"("layers":[{{"mediaType":"l","digest":"{0}","size":10}}]}})",
                blob.digest);
const std::string manifest_digest = describe(manifest_json, "").digest;
const std::string root = "https://reg.example/v2/team/app/";
const std::string bearer =
    R"(Bearer realm="https://auth.example/token?x=1",service="reg example",scope="repository:team/app:pull")";

using Lines = std::vector<std::string>;

net::ExchangeAnswer wants(const std::string& challenge) {
  return reply(401, {{"www-authenticate", challenge}});
}

void give_credentials(const RegistryCase& test, const std::string& entry) {
  test.directory.write("run/containers/auth.json",
                       fmt::format(R"({{"auths": {{"reg.example": {{{}}}}}}})", entry));
}

std::string password_entry() { return R"("auth": ")" + base::base64_of("me:secret") + "\""; }

TEST_CASE("a manifest comes with its type and digest") {
  RegistryCase test;
  test.registry.answers = {
      reply(200,
            {{"content-type", std::string(media_type::docker_manifest) + "; charset=utf-8"},
             {"docker-content-digest", manifest_digest}},
            manifest_json)};
  const auto found = test.repository(Access::pull).manifest("1");
  REQUIRE(found.has_value());
  CHECK(found->descriptor.digest == manifest_digest);
  CHECK(found->descriptor.media_type == media_type::docker_manifest);
  CHECK(found->descriptor.size == manifest_json.size());
  CHECK(found->text == manifest_json);
  CHECK(test.registry.asked == Lines{"GET " + root + "manifests/1"});
}

TEST_CASE("a header that says nothing leaves the type to the document") {
  const std::pair<std::string, std::string_view> cases[] = {
      {R"({"manifests": []})", media_type::index},
      {R"({"layers": []})", media_type::manifest},
      {R"({"mediaType": "application/x"})", "application/x"},
      {"no json", media_type::manifest}};
  for (const auto& [text, type] : cases) {
    RegistryCase test;
    test.registry.answers = {reply(200, {{"content-type", "application/json"}}, text)};
    CHECK(test.repository(Access::pull).manifest("1")->descriptor.media_type == type);
  }
}

TEST_CASE("a manifest that is not what was asked for is refused") {
  RegistryCase by_digest;
  by_digest.registry.answers = {reply(200, {}, manifest_json + " ")};
  const auto other = by_digest.repository(Access::pull).manifest(manifest_digest);
  REQUIRE_FALSE(other.has_value());
  CHECK(other.error().kind == ErrorKind::refused);
  CHECK(other.error().message.contains(manifest_digest));
  RegistryCase by_header;
  by_header.registry.answers = {
      reply(200, {{"docker-content-digest", manifest_digest}}, manifest_json + " ")};
  CHECK_FALSE(by_header.repository(Access::pull).manifest("1").has_value());
}

TEST_CASE("statuses of a registry have a kind, its words and a hint") {
  struct Case {
    int status;
    ErrorKind kind;
    const char* words;
  };
  const Case cases[] = {{404, ErrorKind::not_found, "not there (status 404, CODE: words)"},
                        {403, ErrorKind::refused, "access is denied"},
                        {400, ErrorKind::refused, "the registry refuses (status 400"},
                        {302, ErrorKind::network, "status 302"}};
  for (const Case& wanted : cases) {
    RegistryCase test;
    test.registry.answers = {
        reply(wanted.status, {}, R"({"errors": [{"code": "CODE", "message": "words"}]})")};
    const auto found = test.repository(Access::pull).manifest("1");
    REQUIRE_FALSE(found.has_value());
    INFO(found.error().message);
    CHECK(found.error().kind == wanted.kind);
    CHECK(found.error().message.contains(wanted.words));
    CHECK(found.error().message.contains("reg.example/team/app:1"));
    CHECK_FALSE(found.error().hints.empty());
  }
}

TEST_CASE("what breaks is asked for again, so many times") {
  RegistryCase test;
  test.registry.answers = {broken(), reply(502), reply(200, {}, manifest_json)};
  CHECK(test.repository(Access::pull).manifest("1").has_value());
  RegistryCase always;
  always.registry.answers = {broken(), broken(), broken(), broken()};
  const auto found = always.repository(Access::pull).manifest("1");
  REQUIRE_FALSE(found.has_value());
  CHECK(found.error().message == "the connection was cut");
}

TEST_CASE("who has no credentials gets a token for everybody") {
  RegistryCase test;
  test.registry.answers = {wants(bearer), reply(200, {}, R"({"token": "T1"})"),
                           reply(200, {}, manifest_json)};
  CHECK(test.repository(Access::pull).manifest("1").has_value());
  CHECK(test.registry.asked[1] ==
        "GET https://auth.example/token?x=1&service=reg%20example&scope=repository%3Ateam%2Fapp%"
        "3Apull");
  CHECK(test.registry.authorizations == Lines{"", "", "Bearer T1"});
}

TEST_CASE("tokens are asked for with the password, for all that is needed") {
  RegistryCase test;
  give_credentials(test, password_entry());
  test.registry.answers = {wants(bearer), reply(200, {}, R"({"access_token": "T1"})"),
                           reply(201, {{"docker-content-digest", manifest_digest}})};
  const auto from = parse_repository("reg.example/other");
  CHECK(test.repository(Access::push, *from).put_manifest("1", manifest_json, "m").has_value());
  CHECK(
      test.registry.asked[1].ends_with("&scope=repository%3Ateam%2Fapp%3Apull%2Cpush&scope="
                                       "repository%3Aother%3Apull"));
  CHECK(test.registry.authorizations[1] == "Basic " + base::base64_of("me:secret"));
  CHECK(test.registry.bodies[2] == manifest_json);
}

TEST_CASE("an identity token is changed for an access token") {
  RegistryCase test;
  give_credentials(test, R"("identitytoken": "id+secret")");
  test.registry.answers = {wants(bearer), reply(200, {}, R"({"token": "T1"})"),
                           reply(200, {}, manifest_json)};
  CHECK(test.repository(Access::pull).manifest("1").has_value());
  CHECK(test.registry.asked[1] == "POST https://auth.example/token?x=1");
  CHECK(test.registry.bodies[1].contains("grant_type=refresh_token"));
  CHECK(test.registry.bodies[1].ends_with("&refresh_token=id%2Bsecret"));
}

TEST_CASE("a registry with plain passwords gets the password") {
  RegistryCase test;
  give_credentials(test, password_entry());
  test.registry.answers = {wants("Basic realm=\"x\""), reply(200, {}, manifest_json)};
  CHECK(test.repository(Access::pull).manifest("1").has_value());
  CHECK(test.registry.authorizations[1] == "Basic " + base::base64_of("me:secret"));
}

TEST_CASE("missing and wrong credentials are told apart, and never repeated") {
  RegistryCase missing;
  missing.registry.answers = {wants("Basic realm=\"x\"")};
  const auto none = missing.repository(Access::pull).manifest("1");
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().kind == ErrorKind::refused);
  CHECK(none.error().message.contains("the registry wants credentials"));
  CHECK(none.error().hints.front().contains("podman login reg.example"));
  for (const auto& script :
       {std::deque{wants("Basic realm=\"x\""), wants("Basic realm=\"x\"")},
        std::deque{wants(bearer), reply(401)},
        std::deque{wants(bearer), reply(200, {}, R"({"token": "T1"})"), wants(bearer)}}) {
    RegistryCase wrong;
    give_credentials(wrong, password_entry());
    wrong.registry.answers = script;
    const auto refused = wrong.repository(Access::pull).manifest("1");
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().kind == ErrorKind::refused);
    CHECK(refused.error().message.contains("the credentials are not accepted"));
    CHECK(refused.error().hints.front().contains("run/containers/auth.json"));
    CHECK_FALSE(refused.error().message.contains("secret"));
  }
}

TEST_CASE("a helper that is missing is told when it is missed") {
  RegistryCase test;
  test.directory.write(".docker/config.json", R"({"credsStore": "no-such"})");
  test.registry.answers = {wants("Basic realm=\"x\"")};
  const auto found = test.repository(Access::pull).manifest("1");
  REQUIRE_FALSE(found.has_value());
  CHECK(found.error().hints.front().contains("docker-credential-no-such"));
}

TEST_CASE("a token that has expired is renewed in the middle") {
  RegistryCase test;
  test.registry.answers = {wants(bearer),
                           reply(200, {}, R"({"token": "T1"})"),
                           reply(404),
                           reply(202, {{"location", "/up?a"}}),
                           reply(202, {{"location", "/up?b"}, {"range", "0-3"}}),
                           wants(bearer),
                           reply(200, {}, R"({"token": "T2"})"),
                           reply(202, {{"location", "/up?c"}, {"range", "0-7"}}),
                           reply(202, {{"location", "/up?d"}, {"range", "0-9"}}),
                           reply(201)};
  CHECK(test.send(ten) == Arrival::sent);
  CHECK(test.registry.authorizations[5] == "Bearer T1");
  CHECK(test.registry.bodies[5] == "4567");
  CHECK(test.registry.authorizations[7] == "Bearer T2");
  CHECK(test.registry.bodies[7] == "4567");
}

TEST_CASE("a token service that fails is told as such") {
  const std::pair<net::ExchangeAnswer, const char*> cases[] = {
      {reply(404), "cannot get a token for reg.example from https://auth.example: not there"},
      {reply(200, {}, "{}"), "the answer holds none"},
      {reply(200, {}, R"({"token": "a\r\nb"})"), "the answer holds none"}};
  for (const auto& [answer, words] : cases) {
    RegistryCase test;
    test.registry.answers = {wants(bearer), answer};
    const auto found = test.repository(Access::pull).manifest("1");
    REQUIRE_FALSE(found.has_value());
    CHECK(found.error().message.contains(words));
  }
  RegistryCase open;
  open.registry.answers = {wants(R"(Bearer realm="http://auth.example/token")")};
  CHECK(open.repository(Access::pull)
            .manifest("1")
            .error()
            .message.contains("names no encrypted address"));
}

TEST_CASE("an upload that goes on elsewhere takes no credentials there") {
  RegistryCase test;
  give_credentials(test, password_entry());
  test.options.chunk = 100;
  test.registry.answers = {wants("Basic realm=x"), reply(404),
                           reply(202, {{"location", "https://store.example/up?key=1"}}),
                           reply(307, {{"location", "https://reg.example/other"}}), reply(201)};
  CHECK(test.send(ten) == Arrival::sent);
  const std::string basic = "Basic " + base::base64_of("me:secret");
  CHECK(test.registry.authorizations == Lines{"", basic, basic, "", basic});
  CHECK(test.registry.asked[3].starts_with("PUT https://store.example/up?key=1&digest="));
  CHECK(test.registry.bodies[4] == ten);
}

TEST_CASE("a path is one of the host that names it") {
  RegistryCase test;
  test.registry.answers = {reply(404),
                           reply(202, {{"location", "https://store.example/up?1"}}),
                           reply(202, {{"location", "/up?2"}}),
                           reply(202, {{"location", "/up?3"}}),
                           reply(202, {{"location", "/up?4"}}),
                           reply(201)};
  CHECK(test.send(ten) == Arrival::sent);
  CHECK(test.registry.asked[3] == "PATCH https://store.example/up?2 4-7");
  CHECK(test.registry.asked.back().starts_with("PUT https://store.example/up?4&digest="));
}

TEST_CASE("an upload never leaves https") {
  RegistryCase same_host;
  same_host.options.chunk = 100;
  same_host.registry.answers = {reply(404), reply(202, {{"location", "http://reg.example/up"}}),
                                reply(201)};
  CHECK(same_host.send(ten) == Arrival::sent);
  CHECK(same_host.registry.asked.back().starts_with("PUT https://reg.example/up?digest="));
  for (const char* location : {"http://store.example/up", "ftp://x/", "up", "//evil/x", ""}) {
    INFO(location);
    RegistryCase test;
    test.registry.answers = {reply(404), reply(202, {{"location", location}})};
    const auto sent = test.send(ten);
    REQUIRE_FALSE(sent.has_value());
    CHECK(sent.error().kind == ErrorKind::refused);
  }
}

TEST_CASE("a blob comes whole") {
  RegistryCase test;
  test.registry.answers = {reply(200, {}, ten)};
  CHECK(test.read(blob) == ten);
  CHECK(test.registry.asked == Lines{"GET " + root + "blobs/" + blob.digest});
}

TEST_CASE("a blob that was cut is resumed") {
  RegistryCase by_range;
  by_range.registry.answers = {broken(200, {}, "0123"), reply(500),
                               reply(206, {{"content-range", "bytes 4-9/10"}}, "456789")};
  CHECK(by_range.read(blob) == ten);
  CHECK(by_range.registry.asked.back().ends_with(" bytes=4-"));
  RegistryCase whole_again;
  whole_again.registry.answers = {broken(200, {}, "0123"), reply(200, {}, ten)};
  CHECK(whole_again.read(blob) == ten);
  RegistryCase too_short;
  too_short.registry.answers = {reply(200, {}, "0123"),
                                reply(206, {{"content-range", "bytes 4-9/10"}}, "456789")};
  CHECK(too_short.read(blob) == ten);
}

TEST_CASE("a part that is another is not taken; the whole is asked for") {
  for (const char* lie : {"bytes 3-9/10", "bytes 0-9/10", "x", ""}) {
    RegistryCase test;
    test.registry.answers = {broken(200, {}, "0123"),
                             reply(206, {{"content-range", lie}}, "??????"), reply(200, {}, ten)};
    CHECK(test.read(blob) == ten);
    CHECK_FALSE(test.registry.asked.back().contains("bytes="));
  }
  RegistryCase always;
  always.registry.answers = {broken(200, {}, "0123")};
  for (int i = 0; i < 3; ++i) {
    always.registry.answers.push_back(reply(206, {{"content-range", "bytes 0-9/10"}}, ten));
  }
  const auto read = always.read(blob);
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().message.contains("another part came than was asked for, 4 attempts"));
}

TEST_CASE("bytes that are others are found at the end") {
  RegistryCase other;
  other.registry.answers = {reply(200, {}, "012345678X")};
  const auto read = other.read(blob);
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().kind == ErrorKind::refused);
  CHECK(read.error().message.contains(blob.digest));
  RegistryCase lying_part;
  lying_part.registry.answers = {broken(200, {}, "0123"),
                                 reply(206, {{"content-range", "bytes 4-9/10"}}, "45678X")};
  CHECK(lying_part.read(blob).error().kind == ErrorKind::refused);
  RegistryCase more;
  more.registry.answers = {reply(200, {}, ten + "0")};
  CHECK(more.read(blob).error().message.contains("more came than its 10 bytes"));
}

TEST_CASE("a blob that does not come is an error") {
  RegistryCase missing;
  missing.registry.answers = {reply(404)};
  CHECK(missing.read(blob).error().kind == ErrorKind::not_found);
  RegistryCase cut;
  for (int i = 0; i < 4; ++i) cut.registry.answers.push_back(broken(200));
  CHECK(cut.read(blob).error().kind == ErrorKind::network);
  RegistryCase short_for_ever;
  for (int i = 0; i < 4; ++i) short_for_ever.registry.answers.push_back(reply(200, {}, "0123"));
  const auto read = short_for_ever.read(blob);
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().message.contains("it ended after 4 of 10 bytes"));
}

std::string artifact_text() {
  Manifest artifact;
  artifact.media_type = media_type::manifest;
  artifact.artifact_type = "application/x-sbom";
  artifact.config = blob;
  artifact.layers = {blob};
  artifact.subject = describe(manifest_json, media_type::manifest);
  return manifest_text(artifact);
}

TEST_CASE("what is attached is listed by a registry that can") {
  RegistryCase test;
  test.registry.answers = {reply(201, {{"oci-subject", manifest_digest}})};
  CHECK(test.repository().attach(describe(manifest_json, media_type::manifest), artifact_text()) ==
        Repository::AttachedBy::referrers);
  CHECK(test.registry.asked.size() == 1);
}

TEST_CASE("elsewhere it is listed under a tag, beside what others listed") {
  const std::string text = artifact_text();
  const std::string own = describe(text, "").digest;
  const std::string tag = root + "manifests/sha256-" + manifest_digest.substr(7);
  RegistryCase first;
  first.registry.answers = {reply(201), reply(404), reply(201)};
  CHECK(first.repository().attach(describe(manifest_json, media_type::manifest), text) ==
        Repository::AttachedBy::tag);
  CHECK(first.registry.asked ==
        Lines{"PUT " + root + "manifests/" + own, "GET " + tag, "PUT " + tag});
  const base::Json list = *base::parse_json(first.registry.bodies.back(), "list");
  CHECK(list["manifests"][0]["digest"] == own);
  CHECK(list["manifests"][0]["artifactType"] == "application/x-sbom");

  RegistryCase second;
  const std::string before = fmt::format(
      R"({{"schemaVersion":2,"manifests":[{{"mediaType":"m","digest":"{}","size":3,"x":1}}]}})",
      blob.digest);
  second.registry.answers = {reply(201), reply(200, {}, before), reply(201)};
  CHECK(
      second.repository().attach(describe(manifest_json, media_type::manifest), text).has_value());
  const base::Json both = *base::parse_json(second.registry.bodies.back(), "list");
  CHECK(both["manifests"][0]["x"] == 1);
  CHECK(both["manifests"][1]["digest"] == own);

  RegistryCase again;
  again.registry.answers = {reply(201), reply(200, {}, first.registry.bodies.back())};
  CHECK(again.repository().attach(describe(manifest_json, media_type::manifest), text).has_value());
  CHECK(again.registry.asked.size() == 2);
}

TEST_CASE("attached things are found in either place") {
  const std::string list = fmt::format(
      R"({{"schemaVersion":2,"manifests":[{{"mediaType":"m","digest":"{}","size":3}}]}})",
      blob.digest);
  RegistryCase modern;
  modern.registry.answers = {reply(200, {}, list)};
  CHECK(modern.repository(Access::pull).referrers(manifest_digest)->front().digest == blob.digest);
  RegistryCase old;
  old.registry.answers = {reply(404), reply(200, {}, list)};
  CHECK(old.repository(Access::pull).referrers(manifest_digest)->size() == 1);
  RegistryCase none;
  none.registry.answers = {reply(404), reply(404)};
  CHECK(none.repository(Access::pull).referrers(manifest_digest)->empty());
}

TEST_CASE("a registry that stores another manifest is found") {
  RegistryCase test;
  test.registry.answers = {reply(201, {{"docker-content-digest", blob.digest}})};
  const auto put = test.repository().put_manifest("1", manifest_json, "m");
  REQUIRE_FALSE(put.has_value());
  CHECK(put.error().kind == ErrorKind::refused);
  RegistryCase refused;
  refused.registry.answers = {reply(400, {}, R"({"errors": [{"code": "MANIFEST_BLOB_UNKNOWN"}]})")};
  CHECK(refused.repository()
            .put_manifest("1", manifest_json, "m")
            .error()
            .message.contains("MANIFEST_BLOB_UNKNOWN"));
}

}  // namespace
}  // namespace hpcenv::image
