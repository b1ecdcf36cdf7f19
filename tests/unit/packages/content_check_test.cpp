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

TEST_CASE("the paths that come back are those on disk") {
  const Package package;
  const auto type_of_a = [&] {
    const auto paths = check_cached(package.path, CacheCheck::newer);
    REQUIRE(paths.has_value());
    REQUIRE(paths->size() == 3);
    CHECK(paths->at(1).type == conda::PathType::softlink);
    CHECK(paths->at(2).type == conda::PathType::directory);
    return paths->at(0).type;
  };
  CHECK(type_of_a() == conda::PathType::hardlink);
  fs::remove(package.path / "share/a");
  fs::create_symlink("elsewhere", package.path / "share/a");
  CHECK(type_of_a() == conda::PathType::softlink);
  fs::remove(package.path / "share/a");
  REQUIRE(mkfifo((package.path / "share/a").c_str(), 0600) == 0);
  CHECK(package.verdict().ends_with("share/a is neither a file nor a link"));
}

TEST_CASE("of what was just written the paths say what was written") {
  const Package package;
  const std::string digest = base::hash_text(base::HashKind::sha256, "text");
  SECTION("a file and a link") {
    const auto paths =
        check_written(package.path, {{"share/a", {4, digest}}, {"share/link", {}}}, "tool");
    REQUIRE(paths.has_value());
    CHECK(paths->at(0).type == conda::PathType::hardlink);
    CHECK(paths->at(1).type == conda::PathType::softlink);
  }
  SECTION("a link that the list calls a file") {
    const auto paths = check_written(package.path, {{"share/a", {}}, {"share/link", {}}}, "tool");
    REQUIRE(paths.has_value());
    CHECK(paths->at(0).type == conda::PathType::softlink);
  }
  SECTION("nobody looked at what lies in info/: no size is vouched for") {
    package.put("info/paths.json",
                R"({"paths": [{"_path": "info/x", "path_type": "hardlink", "size_in_bytes": 4}]})");
    const auto paths = check_written(package.path, {}, "tool");
    REQUIRE(paths.has_value());
    CHECK_FALSE(paths->at(0).size.has_value());
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
