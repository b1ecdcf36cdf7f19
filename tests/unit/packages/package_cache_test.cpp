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

TEST_CASE("the first place that can be written is ours, the others are read") {
  const TemporaryDirectory directory;
  REQUIRE(chmod(directory.path().c_str(), 0755) == 0);
  using Standing = CachePlace::Standing;
  // Two caches of a site, one of ours.
  const conda::PackageRecord shared = record_of("shared");
  lay_out(directory / "site/tool-1.0-h0_0", shared, "shared");
  REQUIRE(chmod((directory / "site").c_str(), 0555) == 0);
  test::put_file(directory / "blocked", "a file where a cache should be");

  const pid_t child = fork();
  if (child == 0) {
    // Root writes everywhere.
    if (geteuid() == 0 &&
        (chown(directory.path().c_str(), 65534, 65534) != 0 || setuid(65534) != 0)) {
      _exit(2);
    }
    const auto cache = PackageCache::open({{directory / "blocked", Standing::named},
                                           {directory / "site", Standing::named},
                                           {directory / "own/pkgs", Standing::named},
                                           {directory / "missing", Standing::found}});
    if (!cache.has_value() || cache->directory() != directory / "own/pkgs") _exit(3);
    if (cache->read_only_directories() != std::vector<fs::path>{directory / "site"}) _exit(4);
    const auto found = cache->find(shared);
    if (!found.has_value() || found->directory != directory / "site/tool-1.0-h0_0") _exit(5);
    if (found->archive != directory / "site/tool-1.0-h0_0.conda") _exit(6);
    if (cache->left_out().size() != 1) _exit(7);  // the file
    // What is put in goes into ours, and ours comes first from then on.
    if (!publish(*cache, shared, "own").has_value()) _exit(8);
    if (cache->find(shared)->directory != directory / "own/pkgs/tool-1.0-h0_0") _exit(9);
    _exit(0);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(test::text_of(directory / "site/tool-1.0-h0_0/content") == "shared");
  REQUIRE(chmod((directory / "site").c_str(), 0755) == 0);
  CHECK(base::list_directory(directory / "site").value() ==
        std::vector<std::string>{"tool-1.0-h0_0"});
}

TEST_CASE("a cache of others is used only where nobody else can change it") {
  const TemporaryDirectory directory;
  using Standing = CachePlace::Standing;
  const fs::path site = directory / "site";
  fs::create_directory(site);
  const auto with_mode = [&](mode_t mode, Standing standing) {
    REQUIRE(chmod(site.c_str(), mode) == 0);
    return distrust({site, standing});
  };
  CHECK(with_mode(0755, Standing::found) == std::nullopt);
  CHECK(with_mode(0555, Standing::found) == std::nullopt);
  for (const mode_t mode : {0775U, 0757U, 0777U, 01777U, 0722U}) {
    for (const Standing standing : {Standing::named, Standing::found}) {
      const auto reason = with_mode(mode, standing);
      REQUIRE(reason.has_value());
      CHECK(reason->find("others can write to it") != std::string::npos);
    }
  }
  REQUIRE(chmod(site.c_str(), 0755) == 0);
  CHECK(distrust({directory / "missing", Standing::named}) == "it cannot be read");
  fs::create_symlink(site, directory / "link");
  CHECK(distrust({directory / "link", Standing::found}) == std::nullopt);
  SECTION("in a directory where everybody can put another in its place") {
    REQUIRE(chmod(directory.path().c_str(), 0777) == 0);
    CHECK(distrust({site, Standing::named}).value_or("").find("others can replace it") == 0);
    CHECK(distrust({directory / "link", Standing::named}).has_value());
    REQUIRE(chmod(directory.path().c_str(), 01777) == 0);
    CHECK(distrust({site, Standing::named}) == std::nullopt);
  }
  SECTION("of somebody else") {
    if (geteuid() != 0) SKIP("needs root to give a directory to somebody else");
    REQUIRE(chown(site.c_str(), 12345, 12345) == 0);
    CHECK(distrust({site, Standing::found}).value_or("").find("somebody else owns it") == 0);
    CHECK(distrust({site, Standing::named}) == std::nullopt);
  }
  SECTION("a package in it that everybody can write to") {
    lay_out(site / "tool-1.0-h0_0", record_of("x"), "x");
    const auto cache =
        PackageCache::open({{directory / "own", Standing::named}, {site, Standing::found}});
    REQUIRE(cache.has_value());
    CHECK(cache->find(record_of("x")).has_value());
    REQUIRE(chmod((site / "tool-1.0-h0_0").c_str(), 0777) == 0);
    CHECK_FALSE(cache->find(record_of("x")).has_value());
  }
}

TEST_CASE("a cache of ours that everybody can write to is refused") {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "pkgs");
  REQUIRE(chmod((directory / "pkgs").c_str(), 0777) == 0);
  const auto refused = PackageCache::open(directory / "pkgs");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().kind == ErrorKind::refused);
  CHECK(refused.error().message.find("everybody can write") != std::string::npos);
  CHECK(refused.error().hints.at(0).find("chmod o-w") != std::string::npos);
  CHECK(base::list_directory(directory / "pkgs")->empty());
  REQUIRE(chmod((directory / "pkgs").c_str(), 0775) == 0);
  CHECK(PackageCache::open(directory / "pkgs").has_value());
}

TEST_CASE("what lies in a cache, and how it is taken away") {
  const TemporaryDirectory directory;
  const PackageCache cache = PackageCache::open(directory / "pkgs").value();
  const fs::path package = cache.directory() / "tool-1.0-h0_0";
  lay_out(package, record_of("x"), std::string(9000, 'x'));
  test::put_file(package / "linked", std::string(5000, 'y'));
  fs::create_hard_link(package / "linked", directory / "in-an-environment");
  test::put_file(cache.directory() / "half-1-0/info/about.json", "{}");
  test::put_file(cache.directory() / "tool-1.0-h0_0.conda", std::string(4096, 'z'));
  test::put_file(cache.directory() / "cache/12345678.json", "{}");
  Workspace workspace = cache.make_workspace().value();

  const CacheContents contents = cache.contents().value();
  REQUIRE(contents.packages.size() == 2);
  CHECK(contents.packages[0].directory == cache.directory() / "half-1-0");
  CHECK(contents.packages[0].url.empty());
  CHECK(contents.packages[1].url == record_of("x").url);
  CHECK(contents.packages[1].files == 4);
  CHECK(contents.packages[1].shared_bytes >= 5000);
  CHECK(contents.packages[1].shared_bytes < 9000);
  CHECK(contents.packages[1].bytes >= 9000);
  REQUIRE(contents.archives.size() == 1);
  CHECK(contents.archives[0].bytes == 4096);
  REQUIRE(contents.workspaces.size() == 1);
  CHECK(contents.workspaces[0].path == workspace.directory());

  REQUIRE(cache.discard(package).has_value());
  REQUIRE(cache.discard(contents.archives[0].path).has_value());
  CHECK(names_in(cache) == std::vector<std::string>{workspace.directory().filename().native(),
                                                    "cache", "half-1-0", "urls.txt"});
  CHECK(test::text_of(directory / "in-an-environment").size() == 5000);
  for (const fs::path& wrong : {directory.path(), cache.directory(), cache.directory() / "..",
                                cache.directory() / "half-1-0/info", fs::path("/")}) {
    const auto refused = cache.discard(wrong);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().kind == ErrorKind::usage);
  }
  CHECK(cache.discard(package).error().kind == ErrorKind::io);
  CHECK(fs::exists(cache.directory() / "half-1-0/info"));
}
