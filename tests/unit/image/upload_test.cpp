#include "image/upload.hpp"

#include <catch2/catch_test_macros.hpp>

#include "unit/image/scripted_registry.hpp"

namespace hpcenv::image {
namespace {

const std::string ten = "0123456789";
const std::string digest = describe(ten, "").digest;
const std::string coded = "sha256%3A" + digest.substr(7);
const std::string uploads = "https://reg.example/v2/team/app/blobs/uploads/";
const std::string head = "HEAD https://reg.example/v2/team/app/blobs/" + digest;
const std::string post = "POST " + uploads;

net::ExchangeAnswer session(const std::string& state, const std::string& range = {}) {
  Headers headers{{"location", "/v2/team/app/blobs/uploads/7?s=" + state}};
  if (!range.empty()) headers.emplace_back("range", range);
  return reply(202, headers);
}

std::string patch(const std::string& state, const std::string& range) {
  return fmt::format("PATCH {}7?s={} {}", uploads, state, range);
}

std::string put(const std::string& state) {
  return fmt::format("PUT {}7?s={}&digest={}", uploads, state, coded);
}

using Lines = std::vector<std::string>;

TEST_CASE("a range that begins at the first byte says how much there is") {
  CHECK(bytes_of_range("0-9") == 10);
  CHECK(bytes_of_range("bytes=0-9") == 10);
  for (const char* text : {"", "9", "1-9", "0-", "0-x", "-9", "0--1", "bytes 0-9"}) {
    INFO(text);
    CHECK_FALSE(bytes_of_range(text).has_value());
  }
}

TEST_CASE("a blob that is there is not sent") {
  RegistryCase test;
  test.registry.answers = {reply(200)};
  CHECK(test.send(ten) == Arrival::there);
  CHECK(test.registry.asked == Lines{head});
}

TEST_CASE("a small blob goes with the request that closes") {
  RegistryCase test;
  test.options.chunk = 100;
  test.registry.answers = {reply(404), session("a"), reply(201)};
  CHECK(test.send(ten) == Arrival::sent);
  CHECK(test.registry.asked == Lines{head, post, put("a")});
  CHECK(test.registry.bodies.back() == ten);
}

TEST_CASE("a large one goes in parts, each to where the answer before says") {
  RegistryCase test;
  test.registry.answers = {reply(404),          session("a"),        session("b", "0-3"),
                           session("c", "0-7"), session("d", "0-9"), reply(201)};
  CHECK(test.send(ten) == Arrival::sent);
  CHECK(test.registry.asked ==
        Lines{head, post, patch("a", "0-3"), patch("b", "4-7"), patch("c", "8-9"), put("d")});
  CHECK(test.registry.bodies == Lines{"", "", "0123", "4567", "89", ""});
}

TEST_CASE("an answer without an address leaves the one before, without a range all is in") {
  RegistryCase test;
  test.registry.answers = {reply(404), session("a"), reply(202),
                           reply(202), reply(202),   reply(201)};
  CHECK(test.send(ten) == Arrival::sent);
  CHECK(test.registry.asked[5] == put("a"));
  CHECK(test.registry.bodies == Lines{"", "", "0123", "4567", "89", ""});
}

TEST_CASE("the registry's least part is kept") {
  RegistryCase test;
  net::ExchangeAnswer first = session("a");
  first.headers.emplace_back("oci-chunk-min-length", "6");
  test.registry.answers = {reply(404), first, session("b", "0-5"), session("c", "0-9"), reply(201)};
  CHECK(test.send(ten) == Arrival::sent);
  CHECK(test.registry.bodies == Lines{"", "", "012345", "6789", ""});
}

TEST_CASE("a blob of another repository is mounted") {
  RegistryCase test;
  const auto from = parse_repository("reg.example/other/app");
  test.registry.answers = {reply(404), reply(201)};
  CHECK(test.send(ten, *from) == Arrival::mounted);
  CHECK(test.registry.asked.back() == post + "?mount=" + digest + "&from=other/app");
}

TEST_CASE("a mount that is not done ends as an upload") {
  const auto from = parse_repository("reg.example/other/app");
  RegistryCase taken;
  taken.options.chunk = 100;
  taken.registry.answers = {reply(404), session("a"), reply(201)};
  CHECK(taken.send(ten, *from) == Arrival::sent);
  RegistryCase denied;
  denied.options.chunk = 100;
  denied.registry.answers = {reply(404), reply(403), reply(404), session("a"), reply(201)};
  CHECK(denied.send(ten, *from) == Arrival::sent);
  CHECK(denied.registry.asked[3] == post);
}

TEST_CASE("where the registry took less, the rest is sent from there") {
  RegistryCase test;
  test.registry.answers = {reply(404),          session("a"),        session("b", "0-1"),
                           session("c", "0-5"), session("d", "0-9"), reply(201)};
  CHECK(test.send(ten) == Arrival::sent);
  CHECK(test.registry.bodies == Lines{"", "", "0123", "2345", "6789", ""});
}

TEST_CASE("a range that cannot be is found, and the upload begun anew") {
  for (const char* lie : {"0-8", "0-0", "5-3", "x"}) {
    INFO(lie);
    RegistryCase test;
    test.registry.answers = {reply(404),          session("a"), session("b", lie),
                             reply(404),          session("c"), session("d", "0-3"),
                             session("e", "0-7"), session("f"), reply(201)};
    CHECK(test.send(ten) == Arrival::sent);
    CHECK(test.registry.asked[3] == head);
    CHECK(test.registry.asked[4] == post);
  }
  RegistryCase always;
  always.registry.answers = {reply(404)};
  for (int i = 0; i < 4; ++i) {
    for (auto& answer : {session("a"), session("b", "0-8"), reply(404)}) {
      always.registry.answers.push_back(answer);
    }
  }
  const auto sent = always.send(ten);
  REQUIRE_FALSE(sent.has_value());
  CHECK(sent.error().kind == ErrorKind::network);
  CHECK(
      sent.error().message.contains("bytes 0-3 were sent, and the registry says that it has 0-8"));
  CHECK(sent.error().message.contains("4 attempts"));
}

TEST_CASE("a session that the registry has forgotten is begun anew") {
  RegistryCase test;
  test.registry.answers = {
      reply(404),   session("a"),        session("b", "0-3"), reply(404),          reply(404),
      session("c"), session("d", "0-3"), session("e", "0-7"), session("f", "0-9"), reply(201)};
  CHECK(test.send(ten) == Arrival::sent);
  CHECK(test.registry.asked[4] == head);
  CHECK(test.registry.asked[6] == patch("c", "0-3"));
}

TEST_CASE("after a cut the registry is asked how far it is") {
  RegistryCase test;
  test.registry.answers = {reply(404),          session("a"),        session("b", "0-3"), broken(),
                           session("c", "0-5"), session("d", "0-9"), reply(201)};
  CHECK(test.send(ten) == Arrival::sent);
  CHECK(test.registry.asked[4] == "GET " + uploads + "7?s=b");
  CHECK(test.registry.asked[5] == patch("c", "6-9"));
  CHECK(test.clock.slept.count() == 500);
}

TEST_CASE("a registry that cannot say it gets all of it again") {
  for (const auto& answer : {reply(404), session("x"), session("x", "0-0"), session("x", "0-99")}) {
    RegistryCase test;
    test.options.chunk = 8;
    test.registry.answers = {
        reply(404),          session("a"),        broken(),  answer, reply(404), session("c"),
        session("d", "0-7"), session("e", "0-9"), reply(201)};
    CHECK(test.send(ten) == Arrival::sent);
    CHECK(test.registry.asked[4] == head);
  }
}

TEST_CASE("when the closing request is in doubt, the blob may be there") {
  for (const auto& answer : {broken(), reply(500), reply(404)}) {
    RegistryCase test;
    test.options.chunk = 100;
    test.registry.answers = {reply(404), session("a"), answer, reply(200)};
    CHECK(test.send(ten) == Arrival::sent);
    CHECK(test.registry.asked == Lines{head, post, put("a"), head});
  }
}

TEST_CASE("a digest that does not hold is tried once more, then told with the file") {
  RegistryCase test;
  test.options.chunk = 100;
  const std::string words = R"({"errors": [{"code": "DIGEST_INVALID", "message": "other"}]})";
  test.registry.answers = {reply(404), session("a"), reply(400, {}, words),
                           reply(404), session("b"), reply(400, {}, words)};
  const auto sent = test.send(ten);
  REQUIRE_FALSE(sent.has_value());
  CHECK(sent.error().kind == ErrorKind::refused);
  CHECK(sent.error().message.contains("status 400, DIGEST_INVALID: other"));
  CHECK(sent.error().hints.front().contains((test.directory.path() / "blob").string()));
}

TEST_CASE("a registry that stores another digest is found") {
  RegistryCase test;
  test.options.chunk = 100;
  test.registry.answers = {reply(404), session("a"),
                           reply(201, {{"docker-content-digest", "sha256:other"}})};
  const auto sent = test.send(ten);
  REQUIRE_FALSE(sent.has_value());
  CHECK(sent.error().message.contains("has stored it as sha256:other"));
}

TEST_CASE("parts that are too large become smaller; a registry that takes none is told") {
  const std::string large(5U << 20U, 'a');
  RegistryCase test;
  test.options.chunk = 64U << 20U;
  test.registry.answers = {reply(404), session("a"), reply(413), session("b", "0-0")};
  // Nothing arrived: the session is given up.
  test.registry.answers.push_back(reply(404));
  test.registry.answers.push_back(session("c"));
  for (const char* range : {"0-1310719", "0-2621439", "0-3932159", "0-5242879"}) {
    test.registry.answers.push_back(session("d", range));
  }
  test.registry.answers.push_back(reply(201));
  CHECK(test.send(large) == Arrival::sent);
  RegistryCase none;
  none.options.chunk = 64U << 20U;
  none.registry.answers = {reply(404)};
  for (int i = 0; i < 3; ++i) {
    for (auto& answer : {session("a"), reply(413), reply(404), reply(404)}) {
      none.registry.answers.push_back(answer);
    }
  }
  const auto sent = none.send(large);
  REQUIRE_FALSE(sent.has_value());
  CHECK(sent.error().kind == ErrorKind::refused);
  CHECK(sent.error().message.contains("takes nothing of that size"));
  CHECK(sent.error().message.contains("1.0 MiB at once"));
}

TEST_CASE("a registry that knows no parts gets the blob in one piece") {
  for (const int status : {400, 405, 501}) {
    RegistryCase test;
    test.registry.answers = {reply(404), session("a"), reply(status),
                             reply(404), session("b"), reply(201)};
    CHECK(test.send(ten) == Arrival::sent);
    CHECK(test.registry.bodies.back() == ten);
  }
  RegistryCase too_large;
  too_large.registry.answers = {reply(404), session("a"), reply(405),
                                reply(404), session("b"), reply(413)};
  CHECK(too_large.send(ten).error().kind == ErrorKind::refused);
}

TEST_CASE("a part at the wrong place: the registry is asked") {
  RegistryCase test;
  test.registry.answers = {reply(404),          session("a"),        reply(416),
                           session("b", "0-5"), session("c", "0-9"), reply(201)};
  CHECK(test.send(ten) == Arrival::sent);
  CHECK(test.registry.asked[4] == patch("b", "6-9"));
}

TEST_CASE("a busy registry is waited for as long as it asks, within reason") {
  RegistryCase test;
  test.registry.answers = {reply(429, {{"retry-after", "2"}}),
                           reply(503),
                           reply(404),
                           session("a"),
                           reply(429, {{"retry-after", "3"}}),
                           session("a2", "0-3"),
                           session("b", "0-7"),
                           session("c", "0-9"),
                           reply(201)};
  CHECK(test.send(ten) == Arrival::sent);
  CHECK(test.clock.slept.count() == 2000 + 1000 + 3000);
  RegistryCase too_long;
  too_long.registry.answers = {reply(429, {{"retry-after", "3600"}})};
  const auto sent = too_long.send(ten);
  REQUIRE_FALSE(sent.has_value());
  CHECK(sent.error().kind == ErrorKind::network);
  CHECK(sent.error().hints.back().contains("3600 seconds"));
  CHECK(too_long.clock.slept.count() == 0);
}

TEST_CASE("a registry that stays ill is given up") {
  RegistryCase test;
  test.registry.answers = {reply(404), session("a")};
  for (int i = 0; i < 4; ++i) {
    for (auto& answer : {reply(500), session("b", "0-3")}) test.registry.answers.push_back(answer);
  }
  // It says that it has bytes, but takes no more.
  const auto sent = test.send(ten);
  REQUIRE_FALSE(sent.has_value());
  CHECK(sent.error().kind == ErrorKind::network);
  CHECK(sent.error().message.contains("a fault of its own (status 500), 4 attempts"));
}

TEST_CASE("who watches may end an upload") {
  RegistryCase test;
  const auto [descriptor, place] = test.blob(ten);
  test.registry.answers = {reply(404), session("a"), session("b", "0-3")};
  const auto sent =
      test.repository().send_blob(descriptor, place, [](std::uint64_t done) -> Result<> {
        if (done < 4) return {};
        return fail(ErrorKind::refused, "stopped");
      });
  REQUIRE_FALSE(sent.has_value());
  CHECK(sent.error().message == "stopped");
}

}  // namespace
}  // namespace hpcenv::image
