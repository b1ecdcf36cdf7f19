#include "packages/fetch.hpp"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <map>
#include <mutex>

#include "base/fs.hpp"
#include "base/interrupt.hpp"
#include "fake/background.hpp"
#include "net/http.hpp"
#include "unit/packages/sample.hpp"
#include "unit/support/message_of.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::packages;
using sample::Sample;
using test::TemporaryDirectory;
namespace fs = std::filesystem;

namespace {

/// Answers from memory in small pieces, eight transfers at once, and keeps the rules of
/// net::HttpClient.
class MemoryClient final : public net::HttpClient {
 public:
  struct Answer {
    std::string body;
    std::size_t cut_at = std::string::npos;  ///< the transfer fails for good after so many bytes
    std::optional<std::uint64_t> announced = {};  ///< the size in the head, where not the body's
  };
  std::map<std::string, Answer> answers;
  std::vector<std::string> started;
  std::size_t pauses = 0;
  std::size_t piece = 7000;
  std::size_t at_once = 8;
  /// The first eight transfers stand still until another one has had to pause.
  bool hold_first_eight = false;

  std::vector<Result<net::HttpResponse>> get_all(
      std::span<const net::Transfer> transfers) override {
    std::vector<Result<net::HttpResponse>> outcomes(transfers.size(), net::HttpResponse{});
    std::vector<State> active;
    std::size_t next = 0;
    while (next < transfers.size() || !active.empty()) {
      while (active.size() < at_once && next < transfers.size()) {
        if (start(transfers[next], outcomes[next])) active.push_back({next, 0});
        ++next;
      }
      bool moved = false;
      for (State& state : active) {
        moved = step(transfers[state.index], state, outcomes[state.index]) || moved;
      }
      std::erase_if(active, [](const State& state) { return state.ended; });
      if (!moved) wait_for_wake();
    }
    return outcomes;
  }

  void wake() override {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    news_.notify_one();
  }

 private:
  struct State {
    std::size_t index;
    std::size_t sent;
    bool ended = false;
  };

  bool start(const net::Transfer& transfer, Result<net::HttpResponse>& outcome) {
    started.push_back(transfer.request.url);
    const auto found = answers.find(transfer.request.url);
    if (found == answers.end()) {
      outcome = fail(ErrorKind::not_found, "{}: status 404", transfer.request.url);
      return false;
    }
    net::HttpResponse head;
    head.status = 200;
    head.size = found->second.announced.value_or(found->second.body.size());
    const Result<> begun = transfer.sink->begin(head);
    if (!begun.has_value()) outcome = Failure(begun.error());
    return begun.has_value();
  }

  bool step(const net::Transfer& transfer, State& state, Result<net::HttpResponse>& outcome) {
    if (hold_first_eight && pauses == 0 && state.index < 8) return false;
    const Answer& answer = answers.at(transfer.request.url);
    const Result<> interrupted = base::check_interrupt();
    if (!interrupted.has_value() || state.sent >= answer.cut_at) {
      state.ended = true;
      const Error error =
          interrupted.has_value() ? Error{ErrorKind::network, "cut", {}, {}} : interrupted.error();
      transfer.sink->abandon(error);
      outcome = Failure(error);
      return true;
    }
    const std::string_view rest = std::string_view(answer.body).substr(state.sent, piece);
    if (rest.empty()) {
      state.ended = true;
      const Result<> end = transfer.sink->end();
      if (!end.has_value()) outcome = Failure(end.error());
      return true;
    }
    const Result<bool> taken = transfer.sink->write(std::as_bytes(std::span(rest)));
    if (!taken.has_value()) {
      state.ended = true;
      transfer.sink->abandon(taken.error());
      outcome = Failure(taken.error());
      return true;
    }
    state.sent += *taken ? rest.size() : 0;
    pauses += *taken ? 0U : 1U;
    return *taken;
  }

  void wait_for_wake() {
    std::unique_lock lock(mutex_);
    news_.wait_for(lock, std::chrono::milliseconds(50), [this] { return woken_; });
    woken_ = false;
  }

  std::mutex mutex_;
  std::condition_variable news_;
  bool woken_ = false;
};

class Listener final : public base::Reporter {
 public:
  void step(std::string_view what) override { steps.emplace_back(what); }
  void progress(std::uint64_t now, std::uint64_t all, base::Unit unit) override {
    const std::lock_guard lock(mutex);
    (unit == base::Unit::bytes ? done : packages_done) = now;
    (unit == base::Unit::bytes ? total : packages_total) = all;
  }
  void part(std::string_view name, std::uint64_t now, std::uint64_t all, base::Unit) override {
    const std::lock_guard lock(mutex);
    parts[std::string(name)] = {now, all};
  }
  void part_end(std::string_view name) override {
    const std::lock_guard lock(mutex);
    ended.emplace_back(name);
  }
  void warning(std::string_view text) override { warnings.emplace_back(text); }
  void detail(std::string_view) override {}
  std::vector<std::string> steps;
  std::vector<std::string> warnings;
  std::mutex mutex;
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> parts;
  std::vector<std::string> ended;
  std::uint64_t packages_done = 0;
  std::uint64_t packages_total = 0;
  std::uint64_t done = 0;
  std::uint64_t total = 0;
};

struct World {
  TemporaryDirectory directory;
  PackageCache cache = PackageCache::open(directory / "pkgs").value();
  MemoryClient client;
  Listener reporter;
  std::vector<conda::PackageRecord> records;

  void add(const Sample& sample) {
    records.push_back(sample.record);
    client.answers[sample.record.url] = {sample.archive};
  }
  Result<std::vector<conda::UnpackedPackage>> fetch() {
    return ensure_unpacked(records, cache, client, reporter);
  }
  std::size_t entries() const { return base::list_directory(cache.directory()).value().size(); }
};

std::string name_of(int number) { return "package" + std::to_string(number); }

}  // namespace

TEST_CASE("what the cache lacks is fetched, the largest first, and given in the order asked for") {
  World world;
  for (int i = 0; i < 30; ++i) {
    world.add(sample::whole_package(name_of(i), std::string(static_cast<std::size_t>(i), 'x')));
  }
  const auto packages = world.fetch();
  REQUIRE(test::message_of(packages) == test::no_failure);
  REQUIRE(packages->size() == 30);
  std::uint64_t total = 0;
  for (int i = 0; i < 30; ++i) {
    const auto& package = packages->at(static_cast<std::size_t>(i));
    CHECK(package.record.name == name_of(i));
    CHECK(test::text_of(package.directory / ("share/" + name_of(i) + ".txt")).size() ==
          static_cast<std::size_t>(i));
    total += *package.record.size;
  }
  CHECK(world.reporter.done == total);
  CHECK(world.reporter.total == total);
  CHECK(world.reporter.packages_total == 30);
  CHECK(world.reporter.ended.size() == 30);
  REQUIRE(world.reporter.parts.size() == 30);
  for (const auto& [name, part] : world.reporter.parts) CHECK(part.first == part.second);
  CHECK(world.reporter.steps.size() == 1);
  std::uint64_t before = ~0ULL;
  for (const std::string& url : world.client.started) {
    const std::uint64_t size = world.client.answers.at(url).body.size();
    CHECK(size <= before);
    before = size;
  }

  SECTION("and never again") {
    world.client.answers.clear();
    world.client.started.clear();
    CHECK(world.fetch().has_value());
    CHECK(world.client.started.empty());
    CHECK(world.reporter.steps.size() == 1);
  }
}

TEST_CASE("nothing to do is no step") {
  World world;
  CHECK(world.fetch().value().empty());
  CHECK(world.reporter.steps.empty());
}

TEST_CASE("a package that is asked for twice comes twice") {
  World world;
  const Sample tool = sample::whole_package("tool");
  world.add(tool);
  world.add(tool);
  const auto packages = world.fetch();
  REQUIRE(packages.has_value());
  CHECK(packages->at(0).directory == packages->at(1).directory);
  CHECK(world.entries() == 2);
}

TEST_CASE("a transfer that nobody can take pauses, and goes on when a worker is free") {
  World world;
  std::string payload;
  for (unsigned i = 1; payload.size() < 5'000'000; i = i * 1103515245U + 12345U) {
    payload += static_cast<char>(i >> 16U & 0xffU);
  }
  world.client.piece = 500'000;
  world.client.at_once = 9;
  world.client.hold_first_eight = true;
  // The ninth has no worker. It is started last, so its record must not say that it is the largest.
  for (int i = 0; i < 8; ++i) world.add(sample::whole_package(name_of(i)));
  Sample large = sample::whole_package("large", payload);
  large.record.size.reset();
  world.add(large);
  const auto packages = world.fetch();
  REQUIRE(test::message_of(packages) == test::no_failure);
  CHECK(test::text_of(packages->at(8).directory / "share/large.txt") == payload);
  CHECK(world.client.pauses > 0);
}

TEST_CASE("a wrong checksum fails all, names both and leaves nothing of that package") {
  World world;
  Sample bad = sample::whole_package("bad", std::string(1000, 'x'));
  bad.record.sha256 = std::string(64, 'a');
  world.add(bad);
  world.add(sample::whole_package("good"));
  const auto packages = world.fetch();
  REQUIRE_FALSE(packages.has_value());
  CHECK(packages.error().kind == ErrorKind::refused);
  CHECK(packages.error().message.find(std::string(64, 'a')) != std::string::npos);
  CHECK_FALSE(packages.error().hints.empty());
  CHECK_FALSE(world.cache.find(bad.record).has_value());
  const auto names = base::list_directory(world.cache.directory()).value();
  for (const std::string& name : names) {
    CHECK_FALSE(name.starts_with(".hpcenv"));
    CHECK_FALSE(name.starts_with("bad"));
  }
}

TEST_CASE("a size that the server announces wrongly fails before the bytes") {
  World world;
  const Sample tool = sample::whole_package("tool");
  world.add(tool);
  world.client.answers[tool.record.url].announced = 5;
  const auto packages = world.fetch();
  REQUIRE_FALSE(packages.has_value());
  CHECK(packages.error().kind == ErrorKind::refused);
  CHECK(packages.error().message.ends_with("the server offers 5"));
  CHECK(world.entries() == 1);
}

TEST_CASE("more failed transfers than workers do not hold up the rest") {
  World world;
  for (int i = 0; i < 12; ++i) {
    const Sample cut = sample::whole_package(name_of(i), std::string(50000, 'x'));
    world.add(cut);
    world.client.answers[cut.record.url].cut_at = 100;
  }
  world.client.piece = 50;
  const auto packages = world.fetch();
  REQUIRE_FALSE(packages.has_value());
  CHECK(packages.error().kind == ErrorKind::network);
  CHECK(packages.error().message == "cut");
  CHECK(world.entries() == 1);
}

TEST_CASE("a package that is not there is told by its address; the others are kept") {
  World world;
  world.add(sample::whole_package("tool"));
  world.records.push_back(sample::whole_package("missing").record);
  const auto packages = world.fetch();
  REQUIRE_FALSE(packages.has_value());
  CHECK(packages.error().kind == ErrorKind::not_found);
  CHECK(packages.error().message.find("missing-1.0-h0_0.conda") != std::string::npos);
  CHECK(world.cache.find(world.records[0]).has_value());
}

TEST_CASE("an interrupt ends the fetch as such and leaves nothing half") {
  World world;
  for (int i = 0; i < 10; ++i) world.add(sample::whole_package(name_of(i)));
  base::set_interrupt(SIGINT);
  const auto packages = world.fetch();
  base::set_interrupt(0);
  REQUIRE_FALSE(packages.has_value());
  CHECK(packages.error().kind == ErrorKind::interrupted);
  CHECK(world.entries() == 1);
}

TEST_CASE("a package without a checksum is used, with a warning") {
  World world;
  Sample tool = sample::whole_package("tool");
  tool.record.sha256.clear();
  tool.record.md5.clear();
  world.add(tool);
  CHECK(world.fetch().has_value());
  REQUIRE(world.reporter.warnings.size() == 1);
  CHECK(world.reporter.warnings[0].find("no checksum") != std::string::npos);
}

TEST_CASE("over a real server: cut transfers are resumed, damaged and short ones refused") {
  World world;
  const fake::Background server({fake::python(), HPCENV_SOURCE_DIR "/tests/fake/http_server.py",
                                 (world.directory / "site").native()});
  net::HttpOptions options;
  options.retry_delay = std::chrono::milliseconds(5);
  const auto client = net::make_http_client(options).value();
  const auto fetch = [&](const std::string& fault) {
    for (conda::PackageRecord& record : world.records) {
      record.url = server.address() + fault + "/" + record.file_name;
    }
    return ensure_unpacked(world.records, world.cache, *client, world.reporter);
  };
  for (int i = 0; i < 12; ++i) {
    const Sample sample =
        sample::whole_package(name_of(i), std::string(static_cast<std::size_t>(i) * 100'000, 'x'));
    world.records.push_back(sample.record);
    test::put_file(world.directory / "site" / sample.record.file_name, sample.archive);
  }
  const auto corrupt = fetch("/~corrupt");
  REQUIRE_FALSE(corrupt.has_value());
  CHECK(corrupt.error().kind == ErrorKind::refused);
  CHECK(corrupt.error().message.find("wrong sha256") != std::string::npos);
  CHECK(fetch("/~status=404").error().kind == ErrorKind::not_found);
  CHECK(fetch("/~truncate=100").error().kind == ErrorKind::network);
  CHECK(world.entries() == 1);
  const auto packages = fetch("/~cut-once");
  REQUIRE(test::message_of(packages) == test::no_failure);
  CHECK(packages->size() == 12);
  CHECK(fetch("/~status=500").has_value());  // all from the cache
}

TEST_CASE("from a directory, as a channel on a shared file system") {
  World world;
  const Sample tool = sample::whole_package("tool");
  test::put_file(world.directory / tool.record.file_name, tool.archive);
  world.records = {tool.record};
  world.records[0].url = "file://" + (world.directory / tool.record.file_name).native();
  const auto client = net::make_http_client({}).value();
  CHECK(ensure_unpacked(world.records, world.cache, *client, world.reporter).has_value());
}

TEST_CASE("offline: what is cached or lies in a directory is used, the rest is named at once") {
  World world;
  const Sample cached = sample::whole_package("cached");
  world.add(cached);
  REQUIRE(world.fetch().has_value());
  Sample local = sample::whole_package("local");
  test::put_file(world.directory / local.record.file_name, local.archive);
  local.record.url = "file://" + (world.directory / local.record.file_name).native();
  world.records.push_back(local.record);
  world.client.answers[local.record.url] = {local.archive};
  world.client.started.clear();
  const FetchOptions options{FetchOptions::Offline::yes, 1};
  CHECK(ensure_unpacked(world.records, world.cache, world.client, world.reporter, options)
            .has_value());
  CHECK(world.client.started == std::vector<std::string>{local.record.url});

  for (int i = 0; i < 7; ++i) world.add(sample::whole_package(name_of(i)));
  const auto refused =
      ensure_unpacked(world.records, world.cache, world.client, world.reporter, options);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().kind == ErrorKind::not_found);
  CHECK(refused.error().message ==
        "offline, and 7 packages are not in the package cache: package0-1.0-h0_0.conda, "
        "package1-1.0-h0_0.conda, package2-1.0-h0_0.conda, package3-1.0-h0_0.conda, "
        "package4-1.0-h0_0.conda, ...");
  CHECK(refused.error().hints.at(0).find("--offline") != std::string::npos);
  CHECK(world.client.started.size() == 1);
  CHECK(world.entries() == 3);
}

TEST_CASE("an archive in a cache is unpacked instead of being fetched") {
  World world;
  const fs::path site = world.directory / "site cache";
  fs::create_directory(site);
  const fs::path own = world.directory / "own";
  world.cache = PackageCache::open({{own}, {site}}).value();
  const Sample tool = sample::whole_package("tool");
  world.add(tool);
  const bool in_own = GENERATE(false, true);
  const fs::path archive = (in_own ? own : site) / tool.record.file_name;
  const std::string local =
      (in_own ? "file://" + own.native() + "/"
              : "file://" + world.directory.path().native() + "/site%20cache/") +
      tool.record.file_name;
  test::put_file(archive, tool.archive);
  world.client.answers[local] = {tool.archive};
  const auto fetched_from = [&] {
    const FetchOptions options{world.client.answers.contains(tool.record.url)
                                   ? FetchOptions::Offline::no
                                   : FetchOptions::Offline::yes};
    const auto packages =
        ensure_unpacked(world.records, world.cache, world.client, world.reporter, options);
    REQUIRE(test::message_of(packages) == test::no_failure);
    CHECK(packages->at(0).directory == own / "tool-1.0-h0_0");
    CHECK(test::text_of(own / "tool-1.0-h0_0/share/tool.txt") == "payload");
    return world.client.started;
  };
  const std::vector<std::string> from_archive{local};
  const std::vector<std::string> from_channel{tool.record.url};

  SECTION("also offline") {
    world.client.answers.erase(tool.record.url);
    CHECK(fetched_from() == from_archive);
    CHECK(world.reporter.steps == std::vector<std::string>{"Unpacking packages"});
    CHECK(fs::exists(archive));
  }
  SECTION("to replace a damaged package") {
    REQUIRE(fetched_from() == from_archive);
    fs::remove(own / "tool-1.0-h0_0/share/tool.txt");
    CHECK(fetched_from() == std::vector<std::string>{local, local});
    CHECK(world.reporter.warnings.size() == 1);
  }
  SECTION("not where its checksum is another one") {
    std::string other = tool.archive;
    other.back() = static_cast<char>(other.back() ^ 1);
    test::put_file(archive, other);
    CHECK(fetched_from() == from_channel);
    CHECK(world.reporter.steps == std::vector<std::string>{"Fetching packages"});
  }
  SECTION("not where its size is another one") {
    test::put_file(archive, tool.archive + "x");
    CHECK_FALSE(world.cache.find_archive(tool.record).has_value());
    CHECK(fetched_from() == from_channel);
  }
  SECTION("not where the index has no checksum") {
    world.records[0].sha256.clear();
    world.records[0].md5.clear();
    CHECK(fetched_from() == from_channel);
  }
  SECTION("not where it is a link, or others can change it in a cache of others") {
    REQUIRE(chmod(archive.c_str(), 0664) == 0);
    CHECK(world.cache.find_archive(tool.record).has_value() == in_own);
    fs::rename(archive, world.directory / "elsewhere");
    fs::create_symlink(world.directory / "elsewhere", archive);
    CHECK(fetched_from() == from_channel);
  }
  SECTION("not in a cache that may not be used") {
    if (in_own) return;
    REQUIRE(chmod(site.c_str(), 0777) == 0);
    world.cache = PackageCache::open({{own}, {site}}).value();
    CHECK(fetched_from() == from_channel);
  }
}

TEST_CASE("a damaged package in a cache is fetched again, with a warning") {
  World world;
  const Sample tool = sample::whole_package("tool");
  world.add(tool);
  world.add(sample::whole_package("sound"));
  REQUIRE(world.fetch().has_value());
  world.client.started.clear();
  const auto file = world.directory / "pkgs/tool-1.0-h0_0/share/tool";
  const std::string before = test::text_of(file);

  SECTION("and takes the place of the damaged one") {
    test::put_file(file, "changed by somebody");
    const auto packages = world.fetch();
    REQUIRE(test::message_of(packages) == test::no_failure);
    CHECK(test::text_of(packages->at(0).directory / "share/tool") == before);
    CHECK(packages->at(0).directory == world.directory / "pkgs/tool-1.0-h0_0");
    CHECK(world.client.started == std::vector<std::string>{tool.record.url});
    REQUIRE(world.reporter.warnings.size() == 1);
    CHECK(world.reporter.warnings[0].find("share/tool has the wrong size") != std::string::npos);
    CHECK(world.entries() == 3);
  }
  SECTION("where it cannot be fetched, the damaged one stays and is not used") {
    test::put_file(file, "changed by somebody");
    world.client.answers.clear();
    CHECK_FALSE(world.fetch().has_value());
    CHECK(test::text_of(file) == "changed by somebody");
    const auto offline = ensure_unpacked(world.records, world.cache, world.client, world.reporter,
                                         {FetchOptions::Offline::yes});
    REQUIRE_FALSE(offline.has_value());
    CHECK(offline.error().message.find("1 package is not in the package cache") !=
          std::string::npos);
    CHECK(world.entries() == 3);
  }
  SECTION("in a cache that is only read: it is left alone, ours is used from then on") {
    fs::rename(world.directory / "pkgs", world.directory / "site");
    PackageCache cache =
        PackageCache::open({{world.directory / "pkgs", CachePlace::Standing::named},
                            {world.directory / "site", CachePlace::Standing::named}})
            .value();
    const auto damaged = world.directory / "site/tool-1.0-h0_0/share/tool";
    test::put_file(damaged, "changed by somebody");
    const auto packages = ensure_unpacked(world.records, cache, world.client, world.reporter);
    REQUIRE(test::message_of(packages) == test::no_failure);
    CHECK(packages->at(0).directory == world.directory / "pkgs/tool-1.0-h0_0");
    CHECK(packages->at(1).directory == world.directory / "site/sound-1.0-h0_0");
    CHECK(test::text_of(damaged) == "changed by somebody");
    world.client.started.clear();
    REQUIRE(ensure_unpacked(world.records, cache, world.client, world.reporter).has_value());
    CHECK(world.client.started.empty());
  }
}
