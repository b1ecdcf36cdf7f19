#include "index/index_cache.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <ctime>
#include <fstream>
#include <thread>

#include "base/compress.hpp"
#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "fake/background.hpp"
#include "unit/index/bench.hpp"

namespace hpcenv::index {
namespace {

/// The channel of a Bench behind a real server, reached through `fault` ("/~slow=9" or nothing).
struct RemoteBench : Bench {
  static constexpr const char* script = HPCENV_SOURCE_DIR "/tests/fake/http_server.py";
  explicit RemoteBench(const std::string& fault = "") {
    put("linux-64/repodata.json.zst", base::zstd_compress(repodata({record("a", R"("b")")}), 3));
    put("noarch/repodata.json", repodata({record("b")}));
    reach(fault);
  }
  void reach(const std::string& fault) {
    request.channels = {{"test", server.address() + fault + "/ch"}};
  }
  /// "METHOD STATUS PATH" of the requests since the last call.
  Names requests() {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));  // the log comes after the answer
    const std::string text = *base::read_file(log_path);
    Names found;
    for (const auto line : base::split_lines(std::string_view(text).substr(read_))) {
      const auto json = *base::parse_json(line, "log");
      found.push_back(
          fmt::format("{} {}", json["status"].get<int>(), json["path"].get<std::string>()));
    }
    read_ = text.size();
    std::ranges::sort(found);
    return found;
  }

  std::filesystem::path log_path = directory.path() / "log";
  fake::Background server{
      {fake::python(), script, directory.path().string(), "--log", log_path.string()}};
  std::size_t read_ = 0;
};

const Names both = {"a-1.0-0.conda", "b-1.0-0.conda"};

TEST_CASE("how long an answer is fresh") {
  CHECK(fresh_seconds("", 77) == 77);
  CHECK(fresh_seconds("public, max-age=120", 77) == 120);
  CHECK(fresh_seconds("Max-Age=120", 77) == 120);
  CHECK(fresh_seconds("max-age=99999999999", 77) == 86400);
  CHECK(fresh_seconds("max-age=-1", 77) == 77);
  CHECK(fresh_seconds("max-age=120, no-cache", 77) == 0);
  CHECK(fresh_seconds("no-store", 77) == 0);
}

TEST_CASE("fetched once, asked again when stale, replaced when changed") {
  RemoteBench bench;
  CHECK(bench.files({"a"}) == both);
  CHECK(bench.requests() == Names{"200 /ch/linux-64/repodata.json.zst",
                                  "200 /ch/noarch/repodata.json",
                                  "404 /ch/noarch/repodata.json.zst"});
  bench.clock.seconds += 3599;
  CHECK(bench.files({"a"}) == both);
  CHECK(bench.requests().empty());
  bench.clock.seconds += 2;
  CHECK(bench.files({"a"}) == both);
  CHECK(bench.requests() == Names{"304 /ch/linux-64/repodata.json.zst",
                                  "304 /ch/noarch/repodata.json",
                                  "404 /ch/noarch/repodata.json.zst"});
  CHECK(bench.files({"a"}) == both);
  CHECK(bench.requests().empty());
  bench.clock.seconds += 4000;
  bench.put("noarch/repodata.json", repodata({record("b"), record("c")}));
  CHECK(bench.files({"a", "c"}).size() == 3);
  bench.clock.seconds -= 100'000;  // a clock that was set back makes nothing fresh for ever
  CHECK(bench.files({"a", "c"}).size() == 3);
  CHECK(bench.requests().size() > 3);
}

TEST_CASE("what the server says about freshness counts") {
  RemoteBench bench;
  bench.files({"a"});
  static_cast<void>(bench.requests());
  for (const std::string& name : bench.cache_files()) {
    if (!name.ends_with(".json")) continue;
    const auto path = bench.request.cache_directory / name;
    const std::string text = *base::read_file(path);
    REQUIRE(base::write_file(path, base::replace_all(text, R"("cache_control": "")",
                                                     R"("cache_control": "max-age=10")")));
  }
  bench.clock.seconds += 9;
  bench.files({"a"});
  CHECK(bench.requests().empty());
  bench.clock.seconds += 2;
  bench.files({"a"});
  CHECK(bench.requests().size() == 3);
}

TEST_CASE("a subdir that is not there is not asked for each time") {
  RemoteBench bench;
  REQUIRE(base::remove_tree(bench.directory.path() / "ch" / "noarch"));
  CHECK(bench.files({"a"}) == Names{"a-1.0-0.conda"});
  CHECK(bench.requests().size() == 3);
  CHECK(bench.files({"a"}) == Names{"a-1.0-0.conda"});
  CHECK(bench.requests().empty());
  bench.put("noarch/repodata.json", repodata({record("b")}));
  bench.clock.seconds += 4000;
  CHECK(bench.files({"a"}) == both);
}

TEST_CASE("a channel that does not exist leaves nothing behind") {
  RemoteBench bench;
  bench.request.channels = {{"typo", bench.server.address() + "/typo"}};
  const auto index = bench.load({"a"});
  REQUIRE_FALSE(index.has_value());
  CHECK(index.error().kind == ErrorKind::not_found);
  CHECK(index.error().message.contains("no such channel: " + bench.server.address() + "/typo"));
  CHECK(bench.cache_files().empty());
}

TEST_CASE("offline uses what there is, however old, and touches no server") {
  RemoteBench bench;
  bench.request.offline = IndexRequest::Offline::yes;
  const auto nothing = bench.load({"a"});
  REQUIRE_FALSE(nothing.has_value());
  CHECK(nothing.error().kind == ErrorKind::not_found);
  CHECK(nothing.error().message.contains("was never fetched"));
  CHECK(nothing.error().hints.at(0).contains("without --offline"));
  bench.request.offline = IndexRequest::Offline::no;
  bench.files({"a"});
  static_cast<void>(bench.requests());
  bench.request.offline = IndexRequest::Offline::yes;
  bench.clock.seconds += 10'000'000;
  CHECK(bench.files({"a"}) == both);
  CHECK(bench.requests().empty());
}

TEST_CASE("a server that stumbles is no failure") {
  for (const char* fault : {"/~once=500", "/~cut-once", "/~slow=200000"}) {
    RemoteBench bench(fault);
    CHECK(bench.files({"a"}) == both);
  }
}

TEST_CASE("a server that fails is one, nothing is left, and the old index stays") {
  struct Case {
    std::string fault;
    ErrorKind kind;
    std::string words;
  };
  const Case cases[] = {{"/~status=500", ErrorKind::network, "status 500"},
                        {"/~status=403", ErrorKind::refused, "refuses access"},
                        {"/~status=401", ErrorKind::refused, "wants credentials"},
                        {"/~wrong-length", ErrorKind::network, "cut before the end"},
                        {"/~truncate=20", ErrorKind::network, "cut before the end"},
                        {"/~corrupt", ErrorKind::refused, "repodata.json"}};
  for (const Case& wanted : cases) {
    RemoteBench bench(wanted.fault);
    const auto index = bench.load({"a"});
    INFO(wanted.fault);
    REQUIRE_FALSE(index.has_value());
    INFO(index.error().message);
    CHECK(index.error().kind == wanted.kind);
    CHECK(index.error().message.contains(wanted.words));
    CHECK(bench.cache_files().empty());
  }
}

TEST_CASE("a subdir that fails takes the one that came whole with it") {
  RemoteBench bench;
  bench.directory.write("bad/noarch/repodata.json", repodata({record("b")}));
  bench.directory.write("bad/linux-64/repodata.json", R"({"packages": []})");
  bench.request.channels = {{"bad", bench.server.address() + "/bad"}};
  const auto index = bench.load({"b"});
  REQUIRE_FALSE(index.has_value());
  CHECK(index.error().kind == ErrorKind::refused);
  CHECK(bench.cache_files().empty());
}

TEST_CASE("a network that is gone: the way out is named") {
  RemoteBench bench;
  bench.files({"a"});
  for (const std::string& name : bench.cache_files()) {
    const auto path = bench.request.cache_directory / name;
    if (name.ends_with(".json")) {
      const std::string text = *base::read_file(path);
      REQUIRE(base::write_file(path, base::replace_all(text, "\"etag\": ", "\"etag_\": ")));
    }
  }
  const Names before = bench.cache_files();
  bench.put("linux-64/repodata.json.zst", "x");
  bench.clock.seconds += 4000;
  bench.client = *net::make_http_client([] {
    net::HttpOptions options = quick_options();
    options.http_proxy = "http://127.0.0.1:1";
    return options;
  }());
  const auto index = bench.load({"a"});
  REQUIRE_FALSE(index.has_value());
  CHECK(index.error().kind == ErrorKind::network);
  CHECK(index.error().hints.back().contains("--offline"));
  CHECK(bench.cache_files() == before);
  bench.request.offline = IndexRequest::Offline::yes;
  CHECK(bench.files({"a"}) == both);
}

TEST_CASE("a cached form that was damaged is fetched again") {
  RemoteBench bench;
  for (std::size_t place = 0; place < 40; ++place) {
    bench.files({"a"});
    for (const std::string& name : bench.cache_files()) {
      if (!name.ends_with(place % 5 == 4 ? ".json" : ".index")) continue;
      const auto path = bench.request.cache_directory / name;
      std::string text = *base::read_file(path);
      text[place * (text.size() - 1) / 39] ^= 0x10;
      REQUIRE(base::write_file(path, text));
    }
    CHECK(bench.files({"a"}) == both);
  }
  for (const std::string& name : bench.cache_files()) {
    std::filesystem::resize_file(bench.request.cache_directory / name, 30);
  }
  CHECK(bench.files({"a"}) == both);
}

TEST_CASE("what killed runs left is swept, what a run may still write is not") {
  Bench bench;
  bench.clock.seconds = std::time(nullptr);
  bench.put("linux-64/repodata.json", repodata({record("a")}));
  const auto put_old = [&](const std::string& name) {
    bench.directory.write("cache/index/" + name, "x");
    const timespec time{bench.clock.seconds - 4000, 0};
    const timespec times[2] = {time, time};
    REQUIRE(utimensat(AT_FDCWD, (bench.request.cache_directory / name).c_str(), times, 0) == 0);
  };
  const Names swept = {"0123456789abcdef.7.0.partial", ".0123456789abcdef.json.qwerty"};
  for (const std::string& name : swept) put_old(name);
  const Names kept = {"note.partial", "0123456789abcdef.txt", ".hidden"};
  for (const std::string& name : kept) put_old(name);
  bench.directory.write("cache/index/fedcba9876543210.7.0.partial", "x");
  CHECK(bench.files({"a"}).size() == 1);
  const Names now = bench.cache_files();
  for (const std::string& name : swept) CHECK(std::ranges::find(now, name) == now.end());
  for (const std::string& name : kept) CHECK(std::ranges::find(now, name) != now.end());
  CHECK(std::ranges::find(now, "fedcba9876543210.7.0.partial") != now.end());
}

TEST_CASE("what lies in the cache can be listed: index, state, unfinished") {
  Bench bench;
  CHECK(cached_index_files(bench.request.cache_directory)->empty());
  bench.put("linux-64/repodata.json", repodata({record("a")}));
  CHECK(bench.files({"a"}).size() == 1);
  bench.directory.write("cache/index/0123456789abcdef.7.0.partial", "abc");
  bench.directory.write("cache/index/other", "not ours");
  const auto files = cached_index_files(bench.request.cache_directory);
  REQUIRE(files.has_value());
  Names urls;
  std::uint64_t unfinished = 0;
  for (const CachedIndexFile& file : *files) {
    urls.push_back(file.url);
    if (file.url.empty()) unfinished += file.bytes;
  }
  std::ranges::sort(urls);
  const std::string url = bench.request.channels[0].base_url + "/linux-64";
  CHECK(urls == Names{"", url, url});
  CHECK(unfinished == 3);
}

TEST_CASE("an index that belongs to another state is not used") {
  RemoteBench bench;
  bench.files({"a"});
  const auto copy = bench.directory.path() / "copy";
  std::filesystem::copy(bench.request.cache_directory, copy);
  bench.put("linux-64/repodata.json.zst",
            base::zstd_compress(repodata({record("a", R"("b","c")"), record("c")}), 3));
  bench.clock.seconds += 4000;
  CHECK(bench.files({"a"}).size() == 3);
  // As if another process had renamed its older index into place after our state was written.
  for (const auto& entry : std::filesystem::directory_iterator(copy)) {
    if (entry.path().extension() == ".index") {
      std::filesystem::copy(entry.path(), bench.request.cache_directory / entry.path().filename(),
                            std::filesystem::copy_options::overwrite_existing);
    }
  }
  CHECK(bench.files({"a"}).size() == 3);
}

TEST_CASE("credentials are in no file and no name of the cache") {
  RemoteBench bench;
  std::string url = bench.request.channels[0].base_url;
  bench.directory.write("t/s3cret/ch/noarch/repodata.json", repodata({record("b")}));
  url.insert(url.size() - 3, "/t/s3cret");
  url.insert(7, "user:geheim@");
  bench.request.channels = {{"test", url}};
  CHECK(bench.files({"b"}) == Names{"b-1.0-0.conda"});
  for (const std::string& name : bench.cache_files()) {
    const std::string text = *base::read_file(bench.request.cache_directory / name);
    for (const char* secret : {"geheim", "s3cret"}) {
      CHECK_FALSE(text.contains(secret));
      CHECK_FALSE(name.contains(secret));
    }
  }
}

TEST_CASE("an interrupt leaves nothing behind") {
  RemoteBench bench("/~slow=20");
  std::thread hand([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    base::set_interrupt(SIGTERM);
  });
  const auto index = bench.load({"a"});
  hand.join();
  base::set_interrupt(0);
  REQUIRE_FALSE(index.has_value());
  CHECK(index.error().kind == ErrorKind::terminated);
  CHECK(bench.cache_files().empty());
}

TEST_CASE("a cache that cannot be written is a failure that names it, and leaves nothing") {
  Bench bench;
  bench.put("linux-64/repodata.json", repodata({record("a")}));
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit none = before;
  none.rlim_cur = 16;
  REQUIRE(setrlimit(RLIMIT_FSIZE, &none) == 0);
  const auto index = bench.load({"a"});
  REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handler);
  REQUIRE_FALSE(index.has_value());
  CHECK(index.error().kind == ErrorKind::io);
  CHECK(index.error().message.contains(bench.request.cache_directory.string()));
  CHECK(bench.cache_files().empty());
}

}  // namespace
}  // namespace hpcenv::index
