#include "packages/package_cache.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <ctime>
#include <thread>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "unit/packages/sample.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::packages;
using test::TemporaryDirectory;
namespace fs = std::filesystem;

namespace {

conda::PackageRecord record_of(const std::string& payload) {
  return sample::whole_package("tool", payload).record;
}

/// A package as conda leaves it.
void lay_out(const fs::path& directory, const conda::PackageRecord& record,
             const std::string& content) {
  test::put_file(directory / "info/index.json", "{}");
  test::put_file(directory / "info/repodata_record.json",
                 base::dump_json(conda::record_to_json(record)));
  test::put_file(directory / "content", content);
}

Result<conda::UnpackedPackage> publish(const PackageCache& cache,
                                       const conda::PackageRecord& record,
                                       const std::string& content) {
  HPCENV_ASSIGN(Workspace workspace, cache.make_workspace());
  lay_out(workspace.package(), record, content);
  return cache.publish(std::move(workspace), record);
}

std::vector<std::string> names_in(const PackageCache& cache) {
  return base::list_directory(cache.directory()).value();
}

}  // namespace

TEST_CASE("a cache is made where it is missing, in a form that conda takes for one") {
  const TemporaryDirectory directory;
  const PackageCache cache = PackageCache::open(directory / "a/pkgs").value();
  CHECK(names_in(cache) == std::vector<std::string>{"urls.txt"});
  CHECK_FALSE(cache.find(record_of("x")).has_value());
  test::put_file(directory / "file", "");
  const Error error = PackageCache::open(directory / "file").error();
  CHECK(error.kind == ErrorKind::io);
  CHECK(error.message.find("Not a directory") != std::string::npos);
}

TEST_CASE("a cache that cannot be written says so and what to do") {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "pkgs");
  REQUIRE(chmod(directory.path().c_str(), 0755) == 0);
  REQUIRE(chmod((directory / "pkgs").c_str(), 0555) == 0);
  const pid_t child = fork();
  if (child == 0) {
    // Root writes everywhere.
    if (geteuid() == 0 && setuid(65534) != 0) _exit(2);
    const Result<PackageCache> cache = PackageCache::open(directory / "pkgs");
    const bool told = !cache.has_value() && cache.error().kind == ErrorKind::io &&
                      cache.error().hints.size() == 1;
    _exit(told ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("a package is used only if its record agrees") {
  const TemporaryDirectory directory;
  const PackageCache cache = PackageCache::open(directory.path()).value();
  const conda::PackageRecord record = record_of("x");
  lay_out(directory / "tool-1.0-h0_0", record, "x");

  const auto found = cache.find(record);
  REQUIRE(found.has_value());
  CHECK(found->directory == directory / "tool-1.0-h0_0");
  CHECK(found->archive == directory / "tool-1.0-h0_0.conda");

  conda::PackageRecord wanted = record;
  SECTION("from a mirror, with the same checksum") {
    wanted.url = "https://mirror.invalid/tool-1.0-h0_0.conda";
    CHECK(cache.find(wanted).has_value());
  }
  SECTION("the same address, with another checksum") {
    wanted.sha256 = std::string(64, '0');
    CHECK_FALSE(cache.find(wanted).has_value());
  }
  SECTION("md5 decides where one side has no sha256") {
    wanted.sha256.clear();
    CHECK(cache.find(wanted).has_value());
    wanted.md5 = std::string(32, '0');
    CHECK_FALSE(cache.find(wanted).has_value());
  }
  SECTION("the address decides where there is no checksum, credentials left out") {
    wanted.sha256.clear();
    wanted.md5.clear();
    wanted.url = "https://user:secret@example.invalid/channel/linux-64/tool-1.0-h0_0.conda";
    CHECK(cache.find(wanted).has_value());
    wanted.url = "https://elsewhere.invalid/tool-1.0-h0_0.conda";
    CHECK_FALSE(cache.find(wanted).has_value());
  }
  SECTION("half of a package, as a killed tool leaves it") {
    fs::remove(directory / "tool-1.0-h0_0/info/repodata_record.json");
    CHECK_FALSE(cache.find(wanted).has_value());
    test::put_file(directory / "tool-1.0-h0_0/info/repodata_record.json", "{\"name\": ");
    CHECK_FALSE(cache.find(wanted).has_value());
  }
  SECTION("a record without the rest of info") {
    fs::remove(directory / "tool-1.0-h0_0/info/index.json");
    CHECK_FALSE(cache.find(wanted).has_value());
  }
}

TEST_CASE("a published package is found, and its workspace is gone") {
  const TemporaryDirectory directory;
  const PackageCache cache = PackageCache::open(directory.path()).value();
  const auto package = publish(cache, record_of("x"), "x");
  REQUIRE(package.has_value());
  CHECK(test::text_of(package->directory / "content") == "x");
  CHECK(names_in(cache) == std::vector<std::string>{"tool-1.0-h0_0", "urls.txt"});
  {
    CHECK(cache.make_workspace().has_value());
  }
  CHECK(names_in(cache).size() == 2);
}

TEST_CASE("the first of two equal packages stays") {
  const TemporaryDirectory directory;
  const PackageCache cache = PackageCache::open(directory.path()).value();
  REQUIRE(publish(cache, record_of("x"), "first").has_value());
  const auto second = publish(cache, record_of("x"), "second");
  REQUIRE(second.has_value());
  CHECK(second->directory == directory / "tool-1.0-h0_0");
  CHECK(test::text_of(second->directory / "content") == "first");
  CHECK(names_in(cache).size() == 2);
}

TEST_CASE("another archive of the same name lies beside the first, which is not touched") {
  const TemporaryDirectory directory;
  const PackageCache cache = PackageCache::open(directory.path()).value();
  REQUIRE(publish(cache, record_of("x"), "x").has_value());
  const conda::PackageRecord other = record_of("y");
  const auto second = publish(cache, other, "y");
  REQUIRE(second.has_value());
  CHECK(second->directory.filename() == "tool-1.0-h0_0." + other.sha256.substr(0, 12));
  CHECK(test::text_of(directory / "tool-1.0-h0_0/content") == "x");
  CHECK(cache.find(other)->directory == second->directory);
  CHECK(cache.find(record_of("x"))->directory == directory / "tool-1.0-h0_0");

  SECTION("a damaged copy in the second place is replaced") {
    fs::remove(second->directory / "info/repodata_record.json");
    CHECK_FALSE(cache.find(other).has_value());
    const auto again = publish(cache, other, "again");
    REQUIRE(again.has_value());
    CHECK(again->directory == second->directory);
    CHECK(test::text_of(again->directory / "content") == "again");
    CHECK(names_in(cache).size() == 3);
  }
}

TEST_CASE("a file in the place of a package is no obstacle") {
  const TemporaryDirectory directory;
  const PackageCache cache = PackageCache::open(directory.path()).value();
  test::put_file(directory / "tool-1.0-h0_0", "a file");
  const auto package = publish(cache, record_of("x"), "x");
  REQUIRE(package.has_value());
  CHECK(cache.find(record_of("x"))->directory == package->directory);
  CHECK(test::text_of(directory / "tool-1.0-h0_0") == "a file");
}

TEST_CASE("of many who publish one package at once all get a whole one") {
  const TemporaryDirectory directory;
  const PackageCache cache = PackageCache::open(directory.path()).value();
  std::vector<std::thread> threads;
  std::vector<std::string> seen(8);
  threads.reserve(seen.size());
  for (std::string& text : seen) {
    threads.emplace_back([&] {
      const auto package = publish(cache, record_of("x"), "x");
      if (package.has_value()) text = test::text_of(package->directory / "content");
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& text : seen) CHECK(text == "x");
  CHECK(names_in(cache).size() == 2);
}

TEST_CASE("what killed runs left is swept a day later, and nothing else") {
  const TemporaryDirectory directory;
  const auto age = [](const fs::path& path) {
    const timespec time{std::time(nullptr) - std::time_t{2} * 24 * 3600, 0};
    const timespec times[2] = {time, time};
    REQUIRE(utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
  };
  for (const char* name : {".hpcenv-unpack-old", ".hpcenv-unpack-new", "old-1-0", ".hidden"}) {
    test::put_file(directory / name / "package/file", "x");
  }
  for (const char* name : {".hpcenv-unpack-old", "old-1-0", ".hidden"}) age(directory / name);
  const PackageCache cache = PackageCache::open(directory.path()).value();
  CHECK(names_in(cache) ==
        std::vector<std::string>{".hidden", ".hpcenv-unpack-new", "old-1-0", "urls.txt"});
}
