#include "packages/unpack.hpp"

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <cstdlib>

#include "base/fs.hpp"
#include "base/hash.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "unit/packages/sample.hpp"
#include "unit/support/message_of.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::packages;
using sample::Sample;
using test::TemporaryDirectory;

namespace {

Result<conda::UnpackedPackage> unpack(const PackageCache& cache, const conda::PackageRecord& record,
                                      std::string_view archive) {
  constexpr std::size_t piece = 10000;
  const base::ByteSource source = [&]() -> Result<std::span<const std::byte>> {
    const std::string_view now = archive.substr(0, piece);
    archive.remove_prefix(now.size());
    return std::as_bytes(std::span(now));
  };
  return unpack_into(cache, record, source);
}

/// The message of the refusal; also checks that nothing stays in the cache.
std::string refusal_of(const conda::PackageRecord& record, std::string_view archive) {
  const TemporaryDirectory directory;
  const PackageCache cache = PackageCache::open(directory.path()).value();
  const auto package = unpack(cache, record, archive);
  if (package.has_value()) return "(unpacked)";
  CHECK(package.error().kind == ErrorKind::refused);
  CHECK(package.error().message.contains(record.dist_name()));
  CHECK(base::list_directory(directory.path()).value() == std::vector<std::string>{"urls.txt"});
  return package.error().message;
}

std::string noise(std::size_t size) {
  std::string text;
  for (unsigned i = 12345; text.size() < size; i = i * 1103515245U + 12345U) {
    text += static_cast<char>(i >> 16U & 0xffU);
  }
  return text;
}

}  // namespace

TEST_CASE("a whole package of either format becomes visible with its record") {
  const TemporaryDirectory directory;
  const PackageCache cache = PackageCache::open(directory.path()).value();
  Sample conda = sample::whole_package("tool", noise(300000));
  conda.record.depends = {"python >=3.10"};
  conda.record.url = "https://user:secret@example.invalid/t/token-1/c/linux-64/tool-1.0-h0_0.conda";
  const auto package = unpack(cache, conda.record, conda.archive);
  REQUIRE(test::message_of(package) == test::no_failure);
  CHECK(test::text_of(package->directory / "share/tool.txt") == noise(300000));
  const std::string note = test::text_of(package->directory / "info/repodata_record.json");
  CHECK(note.find("secret") == std::string::npos);
  CHECK(note.find("token-1") == std::string::npos);
  const base::Json json = base::parse_json(note, "record").value();
  CHECK(base::string_or(json, "sha256") == conda.record.sha256);
  CHECK(base::string_or(json, "fn") == "tool-1.0-h0_0.conda");
  CHECK(base::strings_or_empty(json, "depends") == conda.record.depends);
  CHECK(cache.find(conda.record).has_value());

  const Sample old = sample::sample_of(
      "old", test::bzip2_of(test::tar_of(test::minimal_package("old", "1.0", "h0_0"))), ".tar.bz2");
  CHECK(unpack(cache, old.record, old.archive).has_value());
}

TEST_CASE("what conda-package-streaming packs is unpacked") {
  const char* python = std::getenv("HPCENV_TEST_PYTHON");
  REQUIRE(python != nullptr);
  const TemporaryDirectory directory;
  test::put_file(directory / "in/info/index.json",
                 R"({"name": "tool", "version": "1.0", "build": "h0_0"})");
  test::put_file(directory / "in/lib/large", noise(3'000'000));
  test::put_file(directory / "in/lib/e\xcc\x81", "decomposed");
  base::ProcessRequest request;
  request.argv = {python, "-c",
                  "import os\n"
                  "from conda_package_streaming.create import conda_builder\n"
                  "with conda_builder('tool-1.0-h0_0', os.getcwd()) as tar:\n"
                  "    os.chdir('in')\n"
                  "    for name in sorted(os.listdir('.')):\n"
                  "        tar.add(name)\n"};
  request.directory = directory.path();
  const base::ProcessResult packed = base::make_process_runner()->run(request).value();
  CAPTURE(packed.errors);
  REQUIRE(packed.succeeded());
  const Sample tool = sample::sample_of("tool", test::text_of(directory / "tool-1.0-h0_0.conda"));
  const PackageCache cache = PackageCache::open(directory / "pkgs").value();
  const auto package = unpack(cache, tool.record, tool.archive);
  REQUIRE(test::message_of(package) == test::no_failure);
  CHECK(test::text_of(package->directory / "lib/large") == noise(3'000'000));
  CHECK(test::text_of(package->directory / "lib/e\xcc\x81") == "decomposed");
}

TEST_CASE("a wrong checksum is refused with both, and the address") {
  Sample tool = sample::whole_package("tool");
  const std::string right = tool.record.sha256;
  tool.record.sha256 = std::string(64, 'a');
  const std::string message = refusal_of(tool.record, tool.archive);
  CHECK(
      message.starts_with("https://example.invalid/channel/linux-64/tool-1.0-h0_0.conda: wrong "));
  CHECK(message.find(std::string(64, 'a')) != std::string::npos);
  CHECK(message.find(right) != std::string::npos);

  tool.record.sha256.clear();
  CHECK(refusal_of(tool.record, tool.archive) == "(unpacked)");
  tool.record.md5 = std::string(32, 'b');
  CHECK(refusal_of(tool.record, tool.archive).find("wrong md5") != std::string::npos);
  tool.record.md5.clear();
  CHECK(refusal_of(tool.record, tool.archive) == "(unpacked)");
}

TEST_CASE("an archive cut anywhere is refused as too short") {
  const Sample tool = sample::whole_package("tool", noise(50000));
  for (std::size_t part = 0; part < 20; ++part) {
    CAPTURE(part);
    const std::size_t size = tool.archive.size() * part / 20;
    const std::string message = refusal_of(tool.record, tool.archive.substr(0, size));
    CHECK(message.find(fmt::format("says {} bytes, what came has {}", tool.archive.size(), size)) !=
          std::string::npos);
  }
  // Without size and checksum the archive itself has to be whole.
  conda::PackageRecord bare = tool.record;
  bare.size.reset();
  bare.sha256.clear();
  bare.md5.clear();
  for (std::size_t part = 0; part < 20; ++part) {
    CAPTURE(part);
    const std::size_t size = tool.archive.size() * part / 20;
    CHECK(refusal_of(bare, tool.archive.substr(0, size)).find("damaged") != std::string::npos);
  }
  CHECK(refusal_of(bare, tool.archive) == "(unpacked)");
}

TEST_CASE("more bytes than announced are refused before the end is reached") {
  Sample tool = sample::whole_package("tool", noise(500000));
  tool.record.size = 1000;
  CHECK(refusal_of(tool.record, tool.archive).ends_with("says 1000 bytes, what came has more"));
}

TEST_CASE("a changed byte is a wrong checksum, whatever the reader stumbled over") {
  Sample tool = sample::whole_package("tool", noise(50000));
  tool.archive[tool.archive.size() / 2] ^= 0x55;
  CHECK(refusal_of(tool.record, tool.archive).find("wrong sha256") != std::string::npos);
  // With the checksum of the damaged file the damage itself is told: by the file that it hit, or,
  // where nothing vouches for the whole, by the archive's own checksum.
  Sample damaged = sample::sample_of("tool", tool.archive);
  CHECK(
      refusal_of(damaged.record, damaged.archive).contains("share/tool.txt has the wrong sha256"));
  damaged.record.sha256.clear();
  damaged.record.md5.clear();
  CHECK(refusal_of(damaged.record, damaged.archive).contains("damaged archive"));
}

TEST_CASE("an unsafe archive is refused although its checksum is right") {
  auto entries = test::minimal_package("evil", "1.0", "h0_0");
  entries.push_back({"../evil", "x"});
  const Sample evil = sample::sample_of("evil", test::conda_of(entries, "evil-1.0-h0_0"));
  CHECK(refusal_of(evil.record, evil.archive).find("../evil") != std::string::npos);
}

TEST_CASE("an archive that is another package than the record says is refused") {
  const Sample tool = sample::sample_of(
      "tool", test::conda_of(test::minimal_package("other", "1.0", "h0_0"), "tool-1.0-h0_0"));
  CHECK(refusal_of(tool.record, tool.archive)
            .ends_with("says that this is tool-1.0-h0_0, the archive says that it is "
                       "other-1.0-h0_0"));
  const Sample none = sample::sample_of("tool", test::conda_of({{"info/about", "x"}}, "tool"));
  CHECK(refusal_of(none.record, none.archive).ends_with("holds no usable info/index.json"));
  const Sample bad = sample::sample_of("tool", test::conda_of({{"info/index.json", "{"}}, "tool"));
  CHECK(refusal_of(bad.record, bad.archive).find("info/index.json:1:") != std::string::npos);
}

TEST_CASE("files that are not what paths.json says are refused, each with its name") {
  const std::string right = base::hash_text(base::HashKind::sha256, "text");
  const auto package_with = [](const std::string& paths) {
    auto entries = test::minimal_package("tool", "1.0", "h0_0");
    std::erase_if(entries,
                  [](const test::TarEntry& entry) { return entry.path == "info/paths.json"; });
    entries.push_back({"share/a", "text"});
    entries.push_back({"share/link", "", '2', "a"});
    entries.push_back({"share/hard", "", '1', "share/a"});
    entries.push_back({"info/paths.json", paths});
    return sample::sample_of("tool", test::conda_of(entries, "tool-1.0-h0_0"));
  };
  const auto listing = [](const std::string& path, const std::string& more) {
    return fmt::format(R"({{"paths": [{{"_path": "{}"{}}}], "paths_version": 1}})", path, more);
  };
  struct Case {
    std::string paths, words;
  };
  const Case cases[] = {
      {listing("share/a", fmt::format(R"(, "sha256": "{}", "size_in_bytes": 4)", right)), ""},
      {listing("share/hard", fmt::format(R"(, "sha256": "{}", "size_in_bytes": 4)", right)), ""},
      // Tools differ in what they hash of a link.
      {listing("share/link", R"(, "path_type": "softlink", "sha256": "00", "size_in_bytes": 9)"),
       ""},
      {listing("share/none", R"(, "path_type": "directory")"), ""},
      {listing("share/a", ""), ""},
      {listing("share/a", fmt::format(R"(, "sha256": "{}")", std::string(64, 'b'))),
       "share/a has the wrong sha256: info/paths.json says " + std::string(64, 'b') + ", it has " +
           right},
      {listing("share/hard", fmt::format(R"(, "sha256": "{}")", std::string(64, 'b'))),
       "share/hard has the wrong sha256"},
      {listing("share/a", R"(, "size_in_bytes": 5)"),
       "share/a has the wrong size: info/paths.json says 5 bytes, it has 4"},
      {listing("share/b", ""), "share/b is listed by info/paths.json, but the archive does not"},
      {listing("share/b", R"(, "path_type": "softlink")"), "share/b is listed"},
      {listing("../share/a", ""), "the path '../share/a' leads out of the prefix"},
      {listing("/etc/passwd", ""), "the path '/etc/passwd' leads out of the prefix"},
      {listing("share/../../a", ""), "leads out of the prefix"},
      {listing("share/a\\u0000b", ""), "leads out of the prefix"},
      {listing("share/a", R"(, "path_type": "device")"), "unknown path type 'device'"},
      {R"({"paths": {}})", "there is no list 'paths'"},
      {R"({"paths": [3]})", "an entry is no object"},
      {R"({"paths": [{}]})", "_path"},
      {"{", "info/paths.json"},
  };
  for (const Case& wanted : cases) {
    INFO(wanted.paths);
    const Sample tool = package_with(wanted.paths);
    const std::string message = refusal_of(tool.record, tool.archive);
    INFO(message);
    if (wanted.words.empty()) {
      CHECK(message == "(unpacked)");
    } else {
      CHECK(message.starts_with("https://example.invalid/channel/linux-64/tool-1.0-h0_0.conda"));
      CHECK(message.find(wanted.words) != std::string::npos);
    }
  }
}

TEST_CASE("names that would leave the cache, and unknown formats, are refused") {
  const Sample tool = sample::whole_package("tool");
  conda::PackageRecord record = tool.record;
  record.name = "../../tool";
  CHECK(refusal_of(record, tool.archive).ends_with("is no name for a package"));
  record = tool.record;
  record.file_name = "a/b.conda";
  CHECK(refusal_of(record, tool.archive).ends_with("is no name for a package"));
  record = tool.record;
  record.file_name = "tool-1.0-h0_0.whl";
  CHECK(refusal_of(record, tool.archive).ends_with("neither a .conda nor a .tar.bz2 archive"));
}

TEST_CASE("unpacks into the named cache", "[.unpack_child]") {
  const Sample tool = sample::whole_package("tool", noise(200000));
  const PackageCache cache = PackageCache::open(std::getenv("HPCENV_TEST_CACHE")).value();
  const auto package = unpack(cache, tool.record, tool.archive);
  if (!package.has_value()) std::puts(package.error().message.c_str());
  REQUIRE(package.has_value());
}

TEST_CASE("killed at any point nothing is visible or all is, and the next run completes") {
  const auto runner = base::make_process_runner();
  const Sample tool = sample::whole_package("tool", noise(200000));
  int kills = 0;
  int visible = 0;
  for (int point = 1;; ++point) {
    CAPTURE(point);
    const TemporaryDirectory directory;
    base::ProcessRequest request;
    request.argv = {"/proc/self/exe", "[.unpack_child]"};
    request.environment.set("HPCENV_TEST_CACHE", directory.path());
    request.environment.set("HPCENV_FAULT_KILL", std::to_string(point));
    const base::ProcessResult result = runner->run(request).value();
    if (result.succeeded()) break;
    REQUIRE(result.code == SIGKILL);
    ++kills;
    const PackageCache cache = PackageCache::open(directory.path()).value();
    visible += cache.find(tool.record).has_value() ? 1 : 0;
    const auto package = unpack(cache, tool.record, tool.archive);
    REQUIRE(package.has_value());
    CHECK(test::text_of(package->directory / "share/tool.txt") == noise(200000));
  }
  // What is visible before the last steps, which remove the workspace, is nothing.
  CHECK(kills > 10);
  CHECK(visible == 2);
}

TEST_CASE("a full disk is told as such and leaves nothing") {
  const TemporaryDirectory directory;
  base::ProcessRequest request;
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string mount =
      "mount -t tmpfs -o size=100k,mode=700 tmpfs " + directory.path().native();
  request.environment.set("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
  request.environment.set("HPCENV_TEST_CACHE", directory.path());
  request.argv = {"unshare", "-m", "sh", "-c", mount};
  if (geteuid() != 0) request.argv.insert(request.argv.begin() + 1, "-r");
  const auto runner = base::make_process_runner();
  if (!runner->run(request).value().succeeded()) SKIP("no mount namespace");
  request.argv.back() =
      mount + " && { " + self + " '[.unpack_child]'; ls -A " + directory.path().native() + "; }";
  const base::ProcessResult result = runner->run(request).value();
  CHECK(result.output.find("No space left on device") != std::string::npos);
  CHECK(result.output.ends_with("\nurls.txt\n"));
}
