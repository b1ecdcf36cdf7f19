// What is kept of scanned libraries, and whom it believes.
#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "base/fs.hpp"
#include "host/fatbin_cache.hpp"
#include "unit/host/stand_in.hpp"

namespace {

using namespace hpcenv;
using host::FatbinCache;
namespace fs = std::filesystem;

/// A library with machine code for sm_90 and one without, and a place for the cache.
struct Libraries {
  Libraries() {
    const fs::path source = folder.path() / "code.S";
    REQUIRE(base::write_file(source,
                             ".section .nv_fatbin,\"a\"\n.balign 8\n"
                             ".int 0xBA55ED50, 0x00100001\n.quad 64\n"
                             ".short 2, 1\n.int 64\n.quad 0, 0, 0\n.zero 32\n"));
    tests::run_gcc({"-shared", "-nostdlib", "-o", library.native(), source.native()});
    // The capability stands 28 bytes into the entry.
    std::string bytes = *base::read_file(library);
    const std::size_t at = bytes.find("\x50\xed\x55\xba");
    REQUIRE(at != std::string::npos);
    bytes[at + 16 + 28] = 90;
    REQUIRE(base::write_file(library, bytes));
  }

  std::size_t reads() const {
    FatbinCache cache(file);
    const auto targets = cache.scan(library);
    REQUIRE(targets);
    CHECK(targets->sass.begin()->first.text() == "90");
    CHECK(cache.save());
    return cache.reads();
  }

  tests::TemporaryDirectory folder;
  fs::path library = folder.path() / "libkernels.so";
  fs::path file = folder.path() / "cache/hpcenv/gpu-code.json";
};

TEST_CASE("a library is read once, and again when it changed", "[fatbin_cache]") {
  const Libraries here;
  CHECK(here.reads() == 1);
  CHECK(here.reads() == 0);
  struct stat status{};
  REQUIRE(stat(here.file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  REQUIRE(stat(here.library.c_str(), &status) == 0);
  timespec times[2] = {status.st_atim, {status.st_mtim.tv_sec + 1, status.st_mtim.tv_nsec}};
  REQUIRE(utimensat(AT_FDCWD, here.library.c_str(), times, 0) == 0);
  CHECK(here.reads() == 1);
  CHECK(here.reads() == 0);
  fs::copy_file(here.library, here.folder.path() / "copy");
  fs::rename(here.folder.path() / "copy", here.library);
  CHECK(here.reads() == 1);
}

TEST_CASE("a damaged cache is as good as none", "[fatbin_cache]") {
  const Libraries here;
  CHECK(here.reads() == 1);
  const std::string whole = *base::read_file(here.file);
  CHECK(whole.find("90*1") != std::string::npos);
  std::vector<std::string> damaged{"", "{}", "[]", "null", "{\"format\":1}", std::string(9, '\0')};
  damaged.push_back(whole.substr(0, whole.size() / 2));
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"90*1", "90"}, {"90*1", "sm*1"}, {"\"format\":1", "\"format\":2"}}) {
    std::string bad = whole;
    bad.replace(bad.find(from), from.size(), to);
    damaged.push_back(bad);
  }
  for (const std::string& text : damaged) {
    INFO(text);
    REQUIRE(base::write_file(here.file, text, 0600));
    CHECK(here.reads() == 1);
    CHECK(here.reads() == 0);
  }
}

TEST_CASE("a cache that others can write to, or a link, is not believed", "[fatbin_cache]") {
  const Libraries here;
  CHECK(here.reads() == 1);
  REQUIRE(chmod(here.file.c_str(), 0620) == 0);
  CHECK(here.reads() == 1);
  CHECK(here.reads() == 0);
  fs::rename(here.file, here.folder.path() / "elsewhere");
  fs::create_symlink(here.folder.path() / "elsewhere", here.file);
  CHECK(here.reads() == 1);
  CHECK_FALSE(fs::is_symlink(here.file));
  if (geteuid() == 0) {
    REQUIRE(chown(here.file.c_str(), 12345, 12345) == 0);
    CHECK(here.reads() == 1);
  }
}

TEST_CASE("where nothing can be kept the scan goes on", "[fatbin_cache]") {
  const Libraries here;
  REQUIRE(base::write_file(here.folder.path() / "cache", "in the way"));
  FatbinCache cache(here.file);
  CHECK(cache.scan(here.library));
  const auto saved = cache.save();
  REQUIRE_FALSE(saved);
  CHECK(saved.error().kind == ErrorKind::io);
  FatbinCache none{fs::path()};
  CHECK(none.scan(here.library));
  CHECK(none.save());
  CHECK(none.scan(here.folder.path() / "missing").error().kind == ErrorKind::not_found);
  CHECK(none.scan(here.folder.path() / "code.S").error().kind == ErrorKind::refused);
}

}  // namespace
