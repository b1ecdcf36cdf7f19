#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <csignal>
#include <random>
#include <thread>

#include "base/interrupt.hpp"
#include "base/text.hpp"
#include "fake/background.hpp"
#include "net/http.hpp"
#include "net/url.hpp"
#include "unit/net/recording_sink.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::net {
namespace {

using std::chrono::milliseconds;

std::string noise(std::size_t size) {
  std::mt19937 random(7);
  std::string text(size, '\0');
  for (char& letter : text) letter = static_cast<char>(random());
  return text;
}

HttpOptions quick_options() {
  HttpOptions options;
  options.retry_delay = milliseconds(5);
  options.stall_timeout = milliseconds(300);
  return options;
}

/// A real server over a directory with one file, big enough to come in many pieces.
struct Site {
  static constexpr const char* script = HPCENV_SOURCE_DIR "/tests/fake/http_server.py";
  Site() {
    directory.write("big.bin", content);
    directory.write("empty.bin", "");
  }
  std::string url(std::string_view path) const { return server.address() + std::string(path); }
  /// The requests whose line holds `word`.
  std::vector<std::string> log(std::string_view word) const {
    std::vector<std::string> lines;
    const std::string text = *base::read_file(log_path);
    for (const auto line : base::split_lines(text)) {
      if (line.contains(word)) lines.emplace_back(line);
    }
    return lines;
  }

  std::string content = noise(600'000);
  test::TemporaryDirectory directory;
  std::filesystem::path log_path = directory.path() / "log";
  fake::Background server{
      {fake::python(), script, directory.path().string(), "--log", log_path.string()}};
  std::unique_ptr<HttpClient> client = *make_http_client(quick_options());
};

/// Starting a server takes longer than most cases: they share one. Each fault of a path's first
/// request is used by one case only.
Site& shared_site() {
  static Site site;
  return site;
}

const fake::Background& odd_server() {
  static const fake::Background server(
      {fake::python(), HPCENV_SOURCE_DIR "/tests/unit/net/odd_server.py"});
  return server;
}

Result<HttpResponse> fetch(HttpClient& client, const std::string& url, BodySink& sink) {
  const Transfer transfer{{url, {}, {}}, &sink};
  return std::move(client.get_all(std::span(&transfer, 1)).front());
}

TEST_CASE("a body comes whole, with its head") {
  Site& site = shared_site();
  RecordingSink sink;
  const auto response = fetch(*site.client, site.url("/big.bin"), sink);
  REQUIRE(response.has_value());
  CHECK(response->status == 200);
  CHECK(response->size == site.content.size());
  CHECK(response->final_url == site.url("/big.bin"));
  CHECK_FALSE(response->etag.empty());
  CHECK(sink.head.etag == response->etag);
  CHECK(sink.body == site.content);
  CHECK(sink.begun == 1);
  CHECK(sink.ended == 1);
}

TEST_CASE("an empty body is begun and ended") {
  Site& site = shared_site();
  RecordingSink sink;
  REQUIRE(fetch(*site.client, site.url("/empty.bin"), sink).has_value());
  CHECK(sink.begun == 1);
  CHECK(sink.ended == 1);
  CHECK(sink.body.empty());
}

TEST_CASE("statuses become errors with a kind, a reason and a hint") {
  Site& site = shared_site();
  struct Case {
    int status;
    ErrorKind kind;
    const char* words;
  };
  const Case cases[] = {{404, ErrorKind::not_found, "not there (status 404)"},
                        {410, ErrorKind::not_found, "status 410"},
                        {401, ErrorKind::refused, "wants credentials"},
                        {403, ErrorKind::refused, "refuses access"},
                        {418, ErrorKind::network, "unexpected status 418"},
                        {500, ErrorKind::network, "status 500, 4 attempts"},
                        {429, ErrorKind::network, "too many requests (status 429), 4 attempts"}};
  for (const Case& wanted : cases) {
    RecordingSink sink;
    const std::string url = site.url(fmt::format("/~status={}/big.bin", wanted.status));
    const auto response = fetch(*site.client, url, sink);
    REQUIRE_FALSE(response.has_value());
    CHECK(response.error().kind == wanted.kind);
    INFO(response.error().message);
    CHECK(response.error().message.contains(wanted.words));
    CHECK(response.error().message.contains(url));
    CHECK(sink.begun == 0);
  }
}

TEST_CASE("a listed status is an answer") {
  Site& site = shared_site();
  const auto answer = get_text(*site.client, {site.url("/~status=404/big.bin"), {}, {404}}, 1000);
  REQUIRE(answer.has_value());
  CHECK(answer->head.status == 404);
  CHECK(answer->body.empty());
}

TEST_CASE("a fault of the server that passes is survived") {
  Site& site = shared_site();
  for (const int status : {500, 503, 429}) {
    RecordingSink sink;
    REQUIRE(fetch(*site.client, site.url(fmt::format("/~once={}/big.bin", status)), sink));
    CHECK(sink.body == site.content);
  }
}

TEST_CASE("a cut transfer is resumed where it was cut") {
  Site& site = shared_site();
  RecordingSink sink;
  REQUIRE(fetch(*site.client, site.url("/~cut-once/big.bin"), sink).has_value());
  CHECK(sink.body == site.content);
  CHECK(sink.begun == 1);
  CHECK(sink.ended == 1);
  auto log = site.log("cut-once");
  // The server writes a request down after its last byte has gone out.
  for (int i = 0; i < 100 && log.size() < 2; ++i) {
    std::this_thread::sleep_for(milliseconds(20));
    log = site.log("cut-once");
  }
  REQUIRE(log.size() == 2);
  CHECK(log[1].contains("\"status\": 206"));
  CHECK(log[1].contains("bytes=300000-"));
}

TEST_CASE("each cut brings the transfer on, however many there are, as long as it moves") {
  Site& site = shared_site();
  RecordingSink sink;
  // Every answer ends after 200,000 bytes: three of them make the whole.
  REQUIRE(fetch(*site.client, site.url("/~truncate=200000/big.bin"), sink).has_value());
  CHECK(sink.body == site.content);
}

TEST_CASE("a transfer that is always cut at the same place fails, and the sink hears of it") {
  Site& site = shared_site();
  RecordingSink sink;
  const auto response = fetch(*site.client, site.url("/~truncate=0/big.bin"), sink);
  REQUIRE_FALSE(response.has_value());
  CHECK(response.error().kind == ErrorKind::network);
  CHECK(response.error().message.contains("cut before the end"));
  CHECK(response.error().message.contains("4 attempts"));
}

TEST_CASE("fewer bytes than announced is a failure") {
  Site& site = shared_site();
  RecordingSink sink;
  const auto response = fetch(*site.client, site.url("/~wrong-length/big.bin"), sink);
  REQUIRE_FALSE(response.has_value());
  CHECK(response.error().kind == ErrorKind::network);
  CHECK(response.error().message.contains("announces more than the 600000 bytes it has"));
  CHECK(sink.ended == 0);
  CHECK(sink.abandoned == response.error().message);
}

TEST_CASE("a server without ranges: what was handed on is skipped") {
  const fake::Background& server = odd_server();
  auto client = *make_http_client(quick_options());
  RecordingSink sink;
  const auto response = fetch(*client, server.address() + "/cut-then-whole", sink);
  REQUIRE(response.has_value());
  CHECK(sink.body == std::string(100, 'a') + std::string(100, 'b'));
  CHECK(sink.begun == 1);
}

TEST_CASE("a file that changes between two attempts is refused") {
  const fake::Background& server = odd_server();
  auto client = *make_http_client(quick_options());
  for (const char* path :
       {"/cut-then-other-tag", "/cut-then-other-range", "/cut-then-other-size"}) {
    RecordingSink sink;
    const auto response = fetch(*client, server.address() + path, sink);
    REQUIRE_FALSE(response.has_value());
    CHECK(response.error().kind == ErrorKind::network);
    CHECK(response.error().message.contains("changed on the server"));
    CHECK_FALSE(sink.abandoned.empty());
  }
}

TEST_CASE("the pause that a server asks for is kept, an endless one is not") {
  const fake::Background& server = odd_server();
  auto client = *make_http_client(quick_options());
  RecordingSink sink;
  const auto begin = std::chrono::steady_clock::now();
  REQUIRE(fetch(*client, server.address() + "/retry-after=1", sink).has_value());
  CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::seconds(1));
  const auto response = fetch(*client, server.address() + "/retry-after=9999", sink);
  REQUIRE_FALSE(response.has_value());
  REQUIRE_FALSE(response.error().hints.empty());
  CHECK(response.error().hints.back().contains("wait 9999 seconds"));
}

TEST_CASE("a silent server is given up") {
  Site& site = shared_site();
  HttpOptions options = quick_options();
  options.retries = 1;
  auto client = *make_http_client(options);
  RecordingSink sink;
  const auto response = fetch(*client, site.url("/~stall/big.bin"), sink);
  REQUIRE_FALSE(response.has_value());
  CHECK(response.error().message.contains("no answer in time"));
  CHECK(response.error().message.contains("no byte for 300 ms"));
}

TEST_CASE("a slow server is not a silent one") {
  Site& site = shared_site();
  site.directory.write("small.bin", noise(20'000));
  RecordingSink sink;
  REQUIRE(fetch(*site.client, site.url("/~slow=20000/small.bin"), sink).has_value());
  CHECK(sink.body.size() == 20'000);
}

TEST_CASE("nobody there") {
  auto client = *make_http_client(quick_options());
  RecordingSink sink;
  const auto response = fetch(*client, "http://127.0.0.1:1/x", sink);
  REQUIRE_FALSE(response.has_value());
  CHECK(response.error().kind == ErrorKind::network);
  CHECK(response.error().message.contains("cannot be reached"));
  REQUIRE_FALSE(response.error().hints.empty());
  CHECK(response.error().hints[0].contains("https_proxy"));
}

TEST_CASE("messages and final addresses hold no credentials") {
  Site& site = shared_site();
  std::string url = site.url("/t/s3cret/~status=403/x");
  url.insert(7, "user:geheim@");
  RecordingSink sink;
  const auto response = fetch(*site.client, url, sink);
  REQUIRE_FALSE(response.has_value());
  for (const char* secret : {"geheim", "user", "s3cret"}) {
    CHECK_FALSE(response.error().message.contains(secret));
  }
  std::string good = site.url("/big.bin");
  good.insert(7, "user:geheim@");
  const auto whole = fetch(*site.client, good, sink);
  REQUIRE(whole.has_value());
  CHECK(whole->final_url == site.url("/big.bin"));
}

TEST_CASE("a redirect is followed, a circle is not") {
  Site& site = shared_site();
  RecordingSink sink;
  const auto response = fetch(*site.client, site.url("/~redirect/big.bin"), sink);
  REQUIRE(response.has_value());
  CHECK(response->final_url == site.url("/big.bin"));
  CHECK(sink.body == site.content);
  const fake::Background& server = odd_server();
  RecordingSink other;
  const auto circle = fetch(*site.client, server.address() + "/circle", other);
  REQUIRE_FALSE(circle.has_value());
  CHECK(circle.error().message.contains("redirects more than 10 times"));
  const auto local = fetch(*site.client, server.address() + "/to-file", other);
  CHECK_FALSE(local.has_value());
  CHECK(other.begun == 0);
}

TEST_CASE("credentials do not follow a redirect to another host") {
  const fake::Background& first = odd_server();
  fake::Background second({fake::python(), HPCENV_SOURCE_DIR "/tests/unit/net/odd_server.py"});
  auto client = *make_http_client(quick_options());
  const std::string there = second.address().substr(std::string_view("http://127.0.0.1").size());
  const std::string path = "/redirect-to-port" + there + "/echo-authorization";
  std::string url = first.address() + path;
  url.insert(7, "user:geheim@");
  const auto direct = get_text(
      *client, {first.address() + "/echo-authorization", {{"Authorization", "x"}}, {}}, 99);
  REQUIRE(direct.has_value());
  CHECK(direct->body == "x");
  const auto by_url = get_text(*client, {url, {}, {}}, 99);
  REQUIRE(by_url.has_value());
  CHECK(by_url->body == "none");
  const auto by_header =
      get_text(*client, {first.address() + path, {{"Authorization", "Bearer geheim"}}, {}}, 99);
  REQUIRE(by_header.has_value());
  CHECK(by_header->body == "none");
}

TEST_CASE("an unchanged answer has no body") {
  Site& site = shared_site();
  RecordingSink sink;
  const auto first = fetch(*site.client, site.url("/big.bin"), sink);
  REQUIRE(first.has_value());
  const auto again = get_text(
      *site.client, {site.url("/big.bin"), {{"If-None-Match", first->etag}}, {}}, 1'000'000);
  REQUIRE(again.has_value());
  CHECK(again->head.status == 304);
  CHECK(again->body.empty());
}

TEST_CASE("a sink that cannot take bytes now gets the same ones later") {
  Site& site = shared_site();
  RecordingSink sink;
  sink.pauses_left = 3;
  REQUIRE(fetch(*site.client, site.url("/big.bin"), sink).has_value());
  CHECK(sink.body == site.content);
  CHECK(sink.pauses_left == 0);
}

TEST_CASE("a pause longer than the stall timeout is no stall, and wake ends it") {
  Site& site = shared_site();
  class Held final : public BodySink {
   public:
    Result<> begin(const HttpResponse&) override { return {}; }
    Result<bool> write(std::span<const std::byte> bytes) override {
      if (!open.load()) return false;
      size += bytes.size();
      return true;
    }
    Result<> end() override { return {}; }
    std::atomic<bool> open{false};
    std::size_t size = 0;
  } sink;
  std::thread opener([&] {
    std::this_thread::sleep_for(milliseconds(600));
    sink.open.store(true);
    site.client->wake();
  });
  const auto response = fetch(*site.client, site.url("/big.bin"), sink);
  opener.join();
  REQUIRE(response.has_value());
  CHECK(sink.size == site.content.size());
}

TEST_CASE("a sink's failure ends its own transfer only") {
  Site& site = shared_site();
  RecordingSink full;
  full.refuse_from = 100'000;
  RecordingSink good;
  const Transfer transfers[] = {{{site.url("/big.bin"), {}, {}}, &full},
                                {{site.url("/big.bin"), {}, {}}, &good},
                                {{site.url("/nothing"), {}, {}}, nullptr},
                                {{"gopher://x/y", {}, {}}, nullptr}};
  const auto outcomes = site.client->get_all(transfers);
  REQUIRE(outcomes.size() == 4);
  REQUIRE_FALSE(outcomes[0].has_value());
  CHECK(outcomes[0].error().kind == ErrorKind::no_space);
  CHECK(full.ended == 0);
  CHECK(full.abandoned == "the sink is full");
  CHECK(outcomes[1].has_value());
  CHECK(good.body == site.content);
  CHECK(outcomes[2].error().kind == ErrorKind::not_found);
  CHECK(outcomes[3].error().kind == ErrorKind::usage);
}

/// Gives up when it is told to.
class ImpatientSink final : public BodySink {
 public:
  Result<> begin(const HttpResponse&) override { return {}; }
  Result<bool> write(std::span<const std::byte>) override { return true; }
  Result<> end() override { return {}; }
  void abandon(const Error& error) override { abandoned = error.message; }
  std::optional<Error> given_up() const override {
    if (!enough.load()) return std::nullopt;
    return Error{ErrorKind::io, "enough", {}, {}};
  }
  std::atomic<bool> enough{false};
  std::string abandoned;
};

TEST_CASE("a transfer that its sink gives up ends at once, silent server or not") {
  Site& site = shared_site();
  HttpOptions options;
  options.connections = 2;
  options.stall_timeout = options.retry_delay = std::chrono::hours(1);
  const auto client = *make_http_client(options);
  ImpatientSink silent;
  ImpatientSink failing;
  ImpatientSink queued;
  RecordingSink other;
  const Transfer transfers[] = {{{site.url("/~stall/big.bin"), {}, {}}, &silent},
                                {{site.url("/~status=503/big.bin"), {}, {}}, &failing},
                                {{site.url("/empty.bin"), {}, {}}, &queued},
                                {{site.url("/big.bin"), {}, {}}, &other}};
  std::thread hand([&] {
    std::this_thread::sleep_for(milliseconds(200));
    queued.enough = silent.enough = failing.enough = true;
    client->wake();
  });
  const auto outcomes = client->get_all(transfers);
  hand.join();
  for (std::size_t i = 0; i < 3; ++i) {
    REQUIRE_FALSE(outcomes[i].has_value());
    CHECK(outcomes[i].error().message == "enough");
  }
  CHECK(queued.abandoned.empty());
  REQUIRE(outcomes[3].has_value());
  CHECK(other.body == site.content);
}

TEST_CASE("two hundred small files over a few connections") {
  Site& site = shared_site();
  std::vector<RecordingSink> sinks(200);
  std::vector<Transfer> transfers;
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    site.directory.write(fmt::format("small/{}", i), fmt::format("body {}", i));
    transfers.push_back({{site.url(fmt::format("/small/{}", i)), {}, {}}, &sinks[i]});
  }
  const auto outcomes = site.client->get_all(transfers);
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    REQUIRE(outcomes[i].has_value());
    CHECK(sinks[i].body == fmt::format("body {}", i));
  }
}

TEST_CASE("an interrupt ends all transfers at once") {
  Site& site = shared_site();
  RecordingSink sink;
  std::thread hand([] {
    std::this_thread::sleep_for(milliseconds(100));
    base::set_interrupt(SIGINT);
  });
  const auto response = fetch(*site.client, site.url("/~slow=20000/big.bin"), sink);
  hand.join();
  base::set_interrupt(0);
  REQUIRE_FALSE(response.has_value());
  CHECK(response.error().kind == ErrorKind::interrupted);
  CHECK_FALSE(sink.abandoned.empty());
  RecordingSink later;
  CHECK(fetch(*site.client, site.url("/big.bin"), later).has_value());
}

TEST_CASE("too large for memory") {
  Site& site = shared_site();
  const auto answer = get_text(*site.client, {site.url("/big.bin"), {}, {}}, 1000);
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().kind == ErrorKind::refused);
  CHECK(answer.error().message.contains("larger than 1000 bytes"));
}

TEST_CASE("files of this machine") {
  Site& site = shared_site();
  const test::TemporaryDirectory directory;
  directory.write("big.bin", site.content);
  RecordingSink sink;
  sink.pauses_left = 1;
  const std::string url = file_url((directory.path() / "big.bin").string());
  const auto response = fetch(*site.client, url, sink);
  REQUIRE(response.has_value());
  CHECK(response->status == 200);
  CHECK(response->size == site.content.size());
  CHECK(sink.body == site.content);
  const auto again = get_text(*site.client, {url, {{"If-None-Match", response->etag}}, {}}, 9);
  REQUIRE(again.has_value());
  CHECK(again->head.status == 304);
  directory.write("big.bin", "other");
  const auto changed = get_text(*site.client, {url, {{"If-None-Match", response->etag}}, {}}, 9);
  REQUIRE(changed.has_value());
  CHECK(changed->body == "other");
}

std::size_t open_sockets() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const std::string target = std::filesystem::read_symlink(entry, error).string();
    if (target.starts_with("socket:")) ++count;
  }
  return count;
}

TEST_CASE("offline: files as ever, http is refused, and no socket is opened") {
  HttpOptions options = quick_options();
  options.offline = HttpOptions::Offline::yes;
  const std::size_t before = open_sockets();
  const auto client = *make_http_client(options);
  const test::TemporaryDirectory directory;
  directory.write("a.bin", "content");
  RecordingSink file;
  RecordingSink remote;
  const Transfer transfers[] = {{{"https://user:secret@127.0.0.1:9/x", {}, {404}}, &remote},
                                {{file_url((directory.path() / "a.bin").string()), {}, {}}, &file}};
  const auto outcomes = client->get_all(transfers);
  REQUIRE_FALSE(outcomes[0].has_value());
  CHECK(outcomes[0].error().kind == ErrorKind::not_found);
  CHECK(outcomes[0].error().message == "cannot fetch https://127.0.0.1:9/x: this is offline");
  CHECK(outcomes[0].error().hints.at(0).contains("--offline"));
  CHECK(remote.begun == 0);
  REQUIRE(outcomes[1].has_value());
  CHECK(file.body == "content");
  CHECK(open_sockets() == before);
}

TEST_CASE("files that are not there, or are none") {
  Site& site = shared_site();
  RecordingSink sink;
  const std::string url = file_url(site.directory.path().string());
  const auto missing = fetch(*site.client, url + "/nothing", sink);
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().kind == ErrorKind::not_found);
  const auto accepted = get_text(*site.client, {url + "/nothing", {}, {404}}, 9);
  REQUIRE(accepted.has_value());
  CHECK(accepted->head.status == 404);
  const auto directory = fetch(*site.client, url, sink);
  REQUIRE_FALSE(directory.has_value());
  CHECK(directory.error().kind == ErrorKind::io);
  const auto remote = fetch(*site.client, "file://elsewhere/x", sink);
  REQUIRE_FALSE(remote.has_value());
  CHECK(remote.error().kind == ErrorKind::usage);
  RecordingSink full;
  full.refuse_from = 10;
  CHECK(fetch(*site.client, url + "/big.bin", full).error().kind == ErrorKind::no_space);
  CHECK(full.abandoned == "the sink is full");
}

TEST_CASE("the process's proxy variables are not read, given proxies are used") {
  Site& site = shared_site();
  HttpOptions options = quick_options();
  options.http_proxy = "http://127.0.0.1:1";
  auto through = *make_http_client(options);
  RecordingSink sink;
  CHECK_FALSE(fetch(*through, site.url("/big.bin"), sink).has_value());
  options.no_proxy = "127.0.0.1";
  auto past = *make_http_client(options);
  CHECK(fetch(*past, site.url("/big.bin"), sink).has_value());
  setenv("http_proxy", "http://127.0.0.1:1", 1);  // NOLINT(concurrency-mt-unsafe)
  RecordingSink direct;
  CHECK(fetch(*site.client, site.url("/big.bin"), direct).has_value());
  unsetenv("http_proxy");  // NOLINT(concurrency-mt-unsafe)
}

}  // namespace
}  // namespace hpcenv::net
