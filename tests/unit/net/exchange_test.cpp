#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <csignal>
#include <thread>

#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "base/parallel.hpp"
#include "fake/background.hpp"
#include "net/exchange.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::net {
namespace {

using base::Json;

const fake::Background& server() {
  static const fake::Background server(
      {fake::python(), HPCENV_SOURCE_DIR "/tests/unit/net/exchange_server.py"});
  return server;
}

const fake::Background& other_server() {
  static const fake::Background server(
      {fake::python(), HPCENV_SOURCE_DIR "/tests/unit/net/exchange_server.py"});
  return server;
}

std::string url(std::string_view path) { return server().address() + std::string(path); }

std::unique_ptr<ExchangeClient> client() {
  HttpOptions options;
  options.stall_timeout = std::chrono::milliseconds(300);
  return make_exchange_client(options);
}

ExchangeRequest request_of(Method method, std::string address) {
  ExchangeRequest request;
  request.method = method;
  request.url = std::move(address);
  return request;
}

Json echo(const Result<ExchangeAnswer>& answer) {
  REQUIRE(answer.has_value());
  REQUIRE(answer->status == 200);
  return *base::parse_json(answer->body, "echo");
}

TEST_CASE("each method arrives as itself, a body with its length") {
  const auto sender = client();
  for (const Method method : {Method::post, Method::patch, Method::put}) {
    ExchangeRequest request = request_of(method, url("/echo?a=b&c"));
    request.headers = {{"Content-Type", "application/x-test"}};
    request.body = std::string("hello");
    const Json said = echo(sender->exchange(request));
    CHECK(said["method"] == name_of(method));
    CHECK(said["query"] == "a=b&c");
    CHECK(said["headers"]["content-type"] == "application/x-test");
    CHECK(said["headers"]["content-length"] == "5");
    CHECK(said["first"] == "hello");
  }
  CHECK(echo(sender->exchange(request_of(Method::get, url("/echo"))))["method"] == "GET");
}

TEST_CASE("a request that changes something says that it has no body") {
  const Json said = echo(client()->exchange(request_of(Method::post, url("/echo"))));
  CHECK(said["headers"]["content-length"] == "0");
  CHECK_FALSE(said["headers"].contains("transfer-encoding"));
}

TEST_CASE("HEAD brings the headers alone") {
  const auto answer = client()->exchange(request_of(Method::head, url("/echo")));
  REQUIRE(answer.has_value());
  CHECK(answer->status == 200);
  CHECK(answer->body.empty());
  CHECK(answer->header("x-said") == "one");
  CHECK(answer->header("x-other").empty());
}

TEST_CASE("a part of a file is sent, no more") {
  const test::TemporaryDirectory directory;
  std::string content(5'000'000, 'a');
  content.replace(0, 3, "xyz");
  content.replace(3, 3, "bcd");
  directory.write("blob", content);
  ExchangeRequest request = request_of(Method::patch, url("/echo"));
  request.body = FilePart{directory.path() / "blob", 3, 4'000'000};
  const Json said = echo(client()->exchange(request));
  CHECK(said["size"] == 4'000'000);
  CHECK(said["first"] == "bcd" + std::string(17, 'a'));
  CHECK(said["sum"] == 3'999'997LL * 'a' + 'b' + 'c' + 'd');
}

TEST_CASE("who sends sees how far it is, and may end it") {
  ExchangeRequest request = request_of(Method::put, url("/echo"));
  request.body = std::string(3'000'000, 'a');
  std::uint64_t seen = 0;
  request.on_sent = [&](std::uint64_t sent) -> Result<> {
    CHECK(sent >= seen);
    seen = sent;
    return {};
  };
  CHECK(echo(client()->exchange(request))["size"] == 3'000'000);
  CHECK(seen > 2'000'000);
  request.on_sent = [](std::uint64_t sent) -> Result<> {
    if (sent < 100'000) return {};
    return fail(ErrorKind::refused, "no more");
  };
  const auto ended = client()->exchange(request);
  REQUIRE_FALSE(ended.has_value());
  CHECK(ended.error().message == "no more");
}

TEST_CASE("a file that is missing or shorter than its part is told before anything is sent") {
  const test::TemporaryDirectory directory;
  directory.write("blob", "0123456789");
  ExchangeRequest request = request_of(Method::put, url("/echo"));
  request.body = FilePart{directory.path() / "blob", 8, 3};
  const auto shorter = client()->exchange(request);
  REQUIRE_FALSE(shorter.has_value());
  CHECK(shorter.error().kind == ErrorKind::refused);
  CHECK(shorter.error().message.contains("became shorter"));
  request.body = FilePart{directory.path() / "none", 0, 1};
  const auto missing = client()->exchange(request);
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().message.contains("none"));
}

TEST_CASE("every status is an answer, with its headers and words") {
  const auto sender = client();
  for (const int status : {201, 202, 400, 401, 404, 416, 429, 500, 503}) {
    const auto answer =
        sender->exchange(request_of(Method::post, url(fmt::format("/status={}", status))));
    REQUIRE(answer.has_value());
    CHECK(answer->status == status);
    CHECK(answer->header("retry-after") == "7");
    CHECK(answer->header("www-authenticate") == "Basic realm=x");
    CHECK(answer->body == "words");
    CHECK_FALSE(answer->broken.has_value());
  }
}

TEST_CASE("a body that is refused unread is an answer") {
  const test::TemporaryDirectory directory;
  directory.write("blob", std::string(6'000'000, 'a'));
  for (const char* path : {"/too-large", "/too-large-unread"}) {
    ExchangeRequest request = request_of(Method::put, url(path));
    request.body = FilePart{directory.path() / "blob", 0, 6'000'000};
    const auto answer = client()->exchange(request);
    INFO(path);
    REQUIRE(answer.has_value());
    CHECK(answer->status == 413);
  }
}

TEST_CASE("what breaks in the middle is told as such") {
  const auto cut = client()->exchange(request_of(Method::get, url("/cut")));
  REQUIRE(cut.has_value());
  REQUIRE(cut->broken.has_value());
  CHECK(cut->broken->kind == ErrorKind::network);
  CHECK(cut->broken->message.contains("cut before the end"));
  const auto silent = client()->exchange(request_of(Method::post, url("/silent?secret=x")));
  REQUIRE(silent.has_value());
  REQUIRE(silent->broken.has_value());
  CHECK(silent->status == 0);
  CHECK(silent->broken->message.contains("cannot send to " + url("/silent")));
  CHECK_FALSE(silent->broken->message.contains("secret"));
}

TEST_CASE("a server that has everything may take its time, where that is said") {
  ExchangeRequest request = request_of(Method::put, url("/slow"));
  request.body = std::string("hello");
  CHECK(client()->exchange(request)->broken.has_value());
  request.patience = std::chrono::seconds(20);
  const auto answer = client()->exchange(request);
  REQUIRE(answer.has_value());
  CHECK(answer->status == 201);
}

TEST_CASE("a server that is not there is an error") {
  const auto answer = client()->exchange(request_of(Method::get, "http://127.0.0.1:1/v2/"));
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().kind == ErrorKind::network);
  CHECK(answer.error().message.contains("cannot be reached"));
}

TEST_CASE("redirects are followed for what changes nothing, without credentials elsewhere") {
  std::string elsewhere = other_server().address() + "/echo";
  for (char& letter : elsewhere) letter = letter == '/' ? '|' : letter;
  ExchangeRequest request = request_of(Method::get, url("/redirect=" + elsewhere));
  request.headers = {{"Authorization", "Bearer secret"}};
  CHECK_FALSE(echo(client()->exchange(request))["headers"].contains("authorization"));
  request.url = url("/redirect=|echo");
  CHECK(echo(client()->exchange(request))["headers"]["authorization"] == "Bearer secret");
  request.method = Method::post;
  const auto answer = client()->exchange(request);
  REQUIRE(answer.has_value());
  CHECK(answer->status == 307);
  CHECK(answer->header("location") == "/echo");
}

TEST_CASE("a wanted body comes in pieces, with its head") {
  std::string body;
  std::string range;
  ExchangeRequest request = request_of(Method::get, url("/part"));
  request.on_body = [&](const ExchangeAnswer& head, std::span<const std::byte> bytes) -> Result<> {
    range = head.header("content-range");
    for (const std::byte byte : bytes) body += static_cast<char>(byte);
    return {};
  };
  const auto part = client()->exchange(request);
  REQUIRE(part.has_value());
  CHECK(part->status == 206);
  CHECK(part->body.empty());
  CHECK(body == "bcd");
  CHECK(range == "bytes 1-3/10");
  request.url = url("/status=404");
  const auto refused = client()->exchange(request);
  REQUIRE(refused.has_value());
  CHECK(refused->body == "words");
  CHECK(body == "bcd");
}

TEST_CASE("a failure of who takes the body ends the exchange with it") {
  ExchangeRequest request = request_of(Method::get, url("/long"));
  request.on_body = [](const ExchangeAnswer&, std::span<const std::byte>) -> Result<> {
    return fail(ErrorKind::no_space, "full");
  };
  const auto answer = client()->exchange(request);
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().kind == ErrorKind::no_space);
}

TEST_CASE("an answer in memory has its limit; of a refusal the beginning is kept") {
  ExchangeRequest request = request_of(Method::get, url("/long"));
  request.answer_limit = 1000;
  const auto answer = client()->exchange(request);
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().kind == ErrorKind::refused);
  CHECK(answer.error().message.contains("larger than 1000 bytes"));
  request.url = url("/long-refusal");
  const auto refusal = client()->exchange(request);
  REQUIRE(refusal.has_value());
  CHECK(refusal->status == 403);
  CHECK(refusal->body.size() <= 1000);
}

TEST_CASE("offline and what is no address are refused before anything is opened") {
  HttpOptions options;
  options.offline = HttpOptions::Offline::yes;
  const auto offline =
      make_exchange_client(options)->exchange(request_of(Method::get, url("/echo")));
  REQUIRE_FALSE(offline.has_value());
  CHECK(offline.error().kind == ErrorKind::not_found);
  CHECK(offline.error().hints.front().contains("--offline"));
  const auto file = client()->exchange(request_of(Method::get, "file:///etc/hostname"));
  REQUIRE_FALSE(file.has_value());
  CHECK(file.error().kind == ErrorKind::usage);
}

TEST_CASE("an interrupt ends an exchange") {
  base::set_interrupt(SIGINT);
  const auto answer = client()->exchange(request_of(Method::get, url("/echo")));
  base::set_interrupt(0);
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().kind == ErrorKind::interrupted);
}

TEST_CASE("one client serves several threads") {
  const auto sender = client();
  const auto all = base::parallel_for(40, 4, [&](std::size_t i) -> Result<> {
    ExchangeRequest request = request_of(Method::put, url("/echo"));
    request.body = std::string(i * 1000, 'a');
    HPCENV_ASSIGN(const ExchangeAnswer answer, sender->exchange(request));
    HPCENV_ASSIGN(const Json said, base::parse_json(answer.body, "echo"));
    if (said["size"] != i * 1000) return fail(ErrorKind::bug, "another's answer");
    return {};
  });
  CHECK(all.has_value());
}

}  // namespace
}  // namespace hpcenv::net
