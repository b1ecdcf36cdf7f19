#include "packages/content_check.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <ctime>

#include "base/hash.hpp"
#include "unit/support/message_of.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::packages;
using test::TemporaryDirectory;
namespace fs = std::filesystem;

namespace {

constexpr std::time_t built = 1'600'000'000;
constexpr std::time_t unpacked = 1'700'000'000;

void set_time(const fs::path& path, std::time_t seconds, long nanoseconds = 0) {
  const timespec times[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};
  REQUIRE(utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0);
}

/// A package as it lies in a cache.
struct Package {
  Package() {
    put("share/a", "text");
    fs::create_symlink("a", path / "share/link");
    put("info/index.json", "{}");
    put("info/paths.json",
        fmt::format(R"({{"paths": [{{"_path": "share/a", "path_type": "hardlink", "sha256": "{}",
                       "size_in_bytes": 4}}, {{"_path": "share/link", "path_type": "softlink",
                       "sha256": "00", "size_in_bytes": 1}},
                       {{"_path": "share/new", "path_type": "directory"}}]}})",
                    base::hash_text(base::HashKind::sha256, "text")));
    put("info/repodata_record.json", "{}", unpacked);
  }
  void put(const std::string& name, std::string_view text, std::time_t time = built) const {
    test::put_file(path / name, text);
    set_time(path / name, time);
  }
  std::string verdict(CacheCheck check = CacheCheck::newer) const {
    return test::message_of(check_cached(path, check));
  }

  TemporaryDirectory directory;
  fs::path path = directory / "tool-1.0-0";
};

}  // namespace

TEST_CASE("a package that lies as it was unpacked is sound") {
  const Package package;
  CHECK(package.verdict() == test::no_failure);
  CHECK(package.verdict(CacheCheck::all) == test::no_failure);
}

TEST_CASE("a changed file is found by its time, by its size, or by hashing all") {
  const Package package;
  SECTION("the same size, newer than the record") {
    package.put("share/a", "TEXT", unpacked);
    set_time(package.path / "share/a", unpacked, 1);
    CHECK(package.verdict() ==
          fmt::format("{}: share/a has the wrong sha256: info/paths.json says {}, it has {}",
                      package.path.native(), base::hash_text(base::HashKind::sha256, "text"),
                      base::hash_text(base::HashKind::sha256, "TEXT")));
  }
  SECTION("touched, and what it was") {
    set_time(package.path / "share/a", unpacked + 100);
    CHECK(package.verdict() == test::no_failure);
  }
  SECTION("the same size and an old time: only all hashes tell") {
    package.put("share/a", "TEXT");
    CHECK(package.verdict() == test::no_failure);
    CHECK(package.verdict(CacheCheck::all).find("wrong sha256") != std::string::npos);
  }
  SECTION("another size") {
    package.put("share/a", "more text");
    CHECK(package.verdict().find("share/a has the wrong size: info/paths.json says 4 bytes, it has "
                                 "9") != std::string::npos);
  }
  SECTION("gone") {
    fs::remove(package.path / "share/link");
    CHECK(package.verdict().ends_with("share/link is missing"));
    fs::remove(package.path / "share/a");
    CHECK(package.verdict().ends_with("share/a is missing"));
  }
  SECTION("what the package says of itself was changed later") {
    for (const char* file : {"info/paths.json", "info/link.json", "info/has_prefix"}) {
      const Package other;
      other.put(file, fs::exists(other.path / file) ? test::text_of(other.path / file) : "x",
                unpacked + 1);
      CHECK(other.verdict().ends_with(std::string(file) + " was changed after it was unpacked"));
    }
  }
  SECTION("paths that lead out") {
    package.put("info/paths.json", R"({"paths": [{"_path": "../../etc/passwd"}]})");
    CHECK(package.verdict().find("leads out of the prefix") != std::string::npos);
  }
}

TEST_CASE("a package of the old form is asked for its files") {
  const Package package;
  fs::remove(package.path / "info/paths.json");
  package.put("info/files", "share/a\nshare/link\n");
  CHECK(package.verdict(CacheCheck::all) == test::no_failure);
  package.put("info/files", "share/a\nshare/b\n");
  CHECK(package.verdict().ends_with("share/b is missing"));
}
