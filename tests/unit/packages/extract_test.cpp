#include "packages/extract.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "unit/support/archive_writer.hpp"
#include "unit/support/message_of.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::packages;
using test::TarEntry;
using test::TemporaryDirectory;
namespace fs = std::filesystem;

namespace {

Result<> extract(const fs::path& directory, const std::vector<TarEntry>& entries,
                 const ExtractLimits& limits = {}) {
  HPCENV_ASSIGN(DirectoryWriter writer, DirectoryWriter::open(directory, "x.conda", limits));
  const std::string archive = test::conda_of(entries, "x-1-0");
  bool given = false;
  const base::ByteSource source = [&]() -> Result<std::span<const std::byte>> {
    const std::size_t size = given ? 0 : archive.size();
    given = true;
    writer.note_packed(archive.size());
    return std::as_bytes(std::span(archive)).first(size);
  };
  return base::read_package_archive(base::ArchiveFormat::conda, source, writer, "x.conda");
}

/// The message of the refusal; also checks that nothing appeared outside the package.
std::string refusal_of(const std::vector<TarEntry>& entries) {
  const TemporaryDirectory directory;
  const fs::path package = directory / "cache/package";
  fs::create_directories(package);
  test::put_file(directory / "outside", "untouched");
  const Result<> done = extract(package, entries);
  CHECK(test::text_of(directory / "outside") == "untouched");
  CHECK(std::distance(fs::directory_iterator(directory.path()), fs::directory_iterator()) == 2);
  CHECK(std::distance(fs::directory_iterator(directory / "cache"), fs::directory_iterator()) == 1);
  if (done.has_value()) return "(extracted)";
  CHECK(done.error().kind == ErrorKind::refused);
  CHECK(done.error().hints.size() == 1);
  return done.error().message;
}

struct stat status_of(const fs::path& path) {
  struct stat status{};
  REQUIRE(lstat(path.c_str(), &status) == 0);
  return status;
}

class Umask {
 public:
  explicit Umask(mode_t mask) : before_(umask(mask)) {}
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;
  ~Umask() { umask(before_); }

 private:
  mode_t before_;
};

}  // namespace

TEST_CASE("files, links and directories come out as they went in") {
  const TemporaryDirectory directory;
  const Result<> done = extract(directory.path(), {{"./info/index.json", "{}"},
                                                   {".", "", '5'},
                                                   {"empty//dir/", "", '5', "", 0555},
                                                   {"bin/tool", "#!/bin/sh\n", '0', "", 0755},
                                                   {"lib/libx.so.1", "elf"},
                                                   {"lib/libx.so", "", '2', "libx.so.1"},
                                                   {"bin/alias", "", '2', "../lib/libx.so.1"},
                                                   {"bin/dangling", "", '2', "nowhere"},
                                                   {"share/hard", "", '1', "lib/libx.so.1"},
                                                   {"bin/again", "x"}});
  REQUIRE(test::message_of(done) == test::no_failure);
  CHECK(test::text_of(directory / "info/index.json") == "{}");
  CHECK(fs::is_directory(directory / "empty/dir"));
  CHECK(fs::read_symlink(directory / "lib/libx.so") == "libx.so.1");
  CHECK(test::text_of(directory / "bin/alias") == "elf");
  CHECK(fs::read_symlink(directory / "bin/dangling") == "nowhere");
  CHECK(status_of(directory / "share/hard").st_ino ==
        status_of(directory / "lib/libx.so.1").st_ino);
  CHECK(status_of(directory / "bin/tool").st_mtime == 1'700'000'000);
}

TEST_CASE("permission bits are kept less umask; set-id bits and unreadable files are not") {
  const mode_t mask = GENERATE(0022U, 0077U);
  const Umask guard(mask);
  const TemporaryDirectory directory;
  REQUIRE(extract(directory.path(), {{"plain", "", '0', "", 0644},
                                     {"program", "", '0', "", 0775},
                                     {"suid", "", '0', "", 06755},
                                     {"sticky", "", '0', "", 01644},
                                     {"locked", "", '0', "", 0000},
                                     {"readonly", "x", '0', "", 0444},
                                     {"dir", "", '5', "", 0000}})
              .has_value());
  const auto mode = [&](const char* name) { return status_of(directory / name).st_mode & 07777U; };
  CHECK(mode("plain") == (0644U & ~mask));
  CHECK(mode("program") == (0775U & ~mask));
  CHECK(mode("suid") == (0755U & ~mask));
  CHECK(mode("sticky") == (0644U & ~mask));
  CHECK(mode("locked") == 0400);
  CHECK(mode("readonly") == (0444U & ~mask));
  CHECK(mode("dir") == (0777U & ~mask));
}

TEST_CASE("of two entries with one path the last counts, and a hard link keeps the first") {
  const TemporaryDirectory directory;
  REQUIRE(extract(directory.path(), {{"file", "old"},
                                     {"hard", "", '1', "file"},
                                     {"file", "new"},
                                     {"link", "", '2', "file"},
                                     {"link", "", '2', "hard"},
                                     {"file", "", '1', "file"}})
              .has_value());
  CHECK(test::text_of(directory / "file") == "new");
  CHECK(test::text_of(directory / "hard") == "old");
  CHECK(test::text_of(directory / "link") == "old");
}

TEST_CASE("paths that lead out are refused") {
  CHECK(refusal_of({{"../evil", "x"}}) ==
        "x.conda: unsafe archive: ../evil: the path leads out of the package");
  CHECK(refusal_of({{"a/../../evil", "x"}}).ends_with("the path leads out of the package"));
  CHECK(refusal_of({{"a/..", "", '5'}}).ends_with("the path leads out of the package"));
  CHECK(refusal_of({{"/tmp/evil", "x"}}).ends_with("the path is absolute"));
  CHECK(refusal_of({{".", "", '2', "x"}}).ends_with("name of the package directory"));
}

TEST_CASE("links keep the text that they have, wherever it leads") {
  const TemporaryDirectory directory;
  const std::vector<std::string> targets{"/usr/lib/libx.so",
                                         "/opt/placeholder/lib/libx.so",
                                         "../../../outside",
                                         "x/../../y",
                                         ".",
                                         "self"};
  std::vector<TarEntry> entries;
  entries.reserve(targets.size() + 1);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    entries.push_back({fmt::format("lib/{}", i), "", '2', targets[i]});
  }
  entries.push_back({"info/recipe/build.sh", "", '2', "/home/builder/build.sh"});
  REQUIRE(extract(directory.path(), entries).has_value());
  for (std::size_t i = 0; i < targets.size(); ++i) {
    CHECK(fs::read_symlink(directory / fmt::format("lib/{}", i)) == targets[i]);
  }
  CHECK(fs::read_symlink(directory / "info/recipe/build.sh") == "/home/builder/build.sh");
}

TEST_CASE("what describes a package is no link") {
  const std::string why = "what describes the package is a link";
  CHECK(refusal_of({{"info", "", '2', "/tmp"}}).ends_with(why));
  CHECK(refusal_of({{"./info/", "", '2', "lib"}}).ends_with(why));
  for (const char* name : {"index.json", "paths.json", "files", "has_prefix", "no_link",
                           "link.json", "repodata_record.json"}) {
    CAPTURE(name);
    CHECK(refusal_of({{fmt::format("info/{}", name), "", '2', "../../../outside"}}).ends_with(why));
  }
  CHECK(refusal_of({{"info/licenses", "", '2', "../share/licenses"}}) == "(extracted)");
}

TEST_CASE("nothing is written or linked through a link of the archive") {
  const std::string through = "a link or a file stands where its path needs a directory";
  CHECK(refusal_of({{"d", "", '2', "e"}, {"e/", "", '5'}, {"d/x", "x"}}).ends_with(through));
  CHECK(refusal_of({{"d", "", '2', "e"}, {"d/", "", '5'}}).ends_with(through));
  CHECK(refusal_of({{"f", "x"}, {"f/x", "x"}}).ends_with(through));
  CHECK(refusal_of({{"d/x", "x"}, {"d", "x"}}).ends_with("a directory of the same name exists"));
  CHECK(refusal_of({{"d/x", "x"}, {"d", "", '2', "y"}}).ends_with("of the same name exists"));
  CHECK(refusal_of({{"d", "", '2', ".."}, {"d/x", "x"}}).ends_with(through));
  CHECK(refusal_of({{"d", "", '2', "/tmp"}, {"d/hpcenv-evil", "x"}}).ends_with(through));
  CHECK(refusal_of({{"d", "", '2', "../.."}, {"d/outside", "x"}}).ends_with(through));
  CHECK(refusal_of({{"d", "", '2', "../.."}, {"h", "", '1', "d/outside"}}).find("no file of") !=
        std::string::npos);
  CHECK(refusal_of({{"f", "", '2', "../../outside"}, {"f", "x"}}) == "(extracted)");
  CHECK(refusal_of({{"f", "", '2', "../../outside"}, {"f", "", '1', "f"}}).find("no file of") !=
        std::string::npos);
  CHECK(refusal_of({{"h", "", '1', "../../outside"}}).ends_with("leads out of the package"));
  CHECK(refusal_of({{"h", "", '1', "/etc/passwd"}}).ends_with("the path is absolute"));
  CHECK(refusal_of({{"h", "", '1', "later"}, {"later", "x"}}).find("no file of the archive") !=
        std::string::npos);
  CHECK(refusal_of({{"l", "", '2', "f"}, {"f", "x"}, {"h", "", '1', "l"}}).find("no file of") !=
        std::string::npos);
  CHECK(refusal_of({{"d/f", "x"}, {"l", "", '2', "d"}, {"h", "", '1', "l/f"}}).find("no file") !=
        std::string::npos);
  CHECK(refusal_of({{"h", "", '1', "."}}).ends_with("a hard link to the package directory"));
  CHECK(refusal_of({{"l", "", '2', ""}}).ends_with("a link without a target"));
}

TEST_CASE("an archive that unpacks without end is refused") {
  const TemporaryDirectory directory;
  const auto message = [&](const std::vector<TarEntry>& entries, const ExtractLimits& limits) {
    return extract(directory.path(), entries, limits).error().message;
  };
  CHECK(message({{"a", std::string(3000, 'x')}}, {.bytes = 2048})
            .ends_with("the archive unpacks to more than 2.0 KiB"));
  CHECK(message({{"a", ""}, {"b", ""}, {"c", ""}}, {.entries = 2}).ends_with("too many entries"));
  CHECK(message({{"a/b/c/d", ""}}, {.path_depth = 3}).ends_with("the path is too deep"));
  CHECK(message({{std::string(500, 'a'), ""}}, {.path_length = 400}).ends_with("too long"));
}

TEST_CASE("a name that the file system refuses is io, and names the file") {
  const TemporaryDirectory directory;
  const Error error = extract(directory.path(), {{std::string(300, 'a'), ""}}).error();
  CHECK(error.kind == ErrorKind::io);
  CHECK(error.message.find("File name too long") != std::string::npos);
  CHECK(DirectoryWriter::open(directory / "none", "x").error().kind == ErrorKind::io);
}

TEST_CASE("what unpacks to far more than it is packed into is taken for a bomb") {
  ExtractLimits limits;
  limits.free_bytes = 1U << 20U;
  limits.ratio = 100;
  const std::string zeros(20U << 20U, '\0');
  const std::string words =
      "some text that packs ten to one or so, in a package as there are many\n";
  std::string text;
  while (text.size() < (4U << 20U)) text += words + std::to_string(text.size() * 2654435761U);
  const TemporaryDirectory directory;
  fs::create_directory(directory / "bomb");
  const Result<> bomb = extract(directory / "bomb", {{"share/zeros", zeros}}, limits);
  REQUIRE_FALSE(bomb.has_value());
  CHECK(bomb.error().kind == ErrorKind::refused);
  CHECK(bomb.error().message.find("more than 100 times its size") != std::string::npos);
  CHECK(fs::file_size(directory / "bomb/share/zeros") < zeros.size() / 4);
  fs::create_directory(directory / "many");
  const std::vector<TarEntry> nothing(20000, {"share/empty", ""});
  CHECK(test::message_of(extract(directory / "many", nothing, limits)).find("times its size") !=
        std::string::npos);
  fs::create_directory(directory / "text");
  CHECK(test::message_of(extract(directory / "text", {{"share/text", text}}, limits)) ==
        test::no_failure);
  // Small things may be as empty as they like.
  fs::create_directory(directory / "small");
  CHECK(extract(directory / "small", {{"share/zeros", zeros.substr(0, 1U << 19U)}}, limits)
            .has_value());
}

TEST_CASE("the writer knows what it wrote, the last entry of a path counts") {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "package");
  DirectoryWriter writer = DirectoryWriter::open(directory / "package", "x").value();
  const auto put = [&](base::ArchiveEntry::Type type, const std::string& path,
                       const std::string& text, const std::string& target = "") {
    base::ArchiveEntry entry;
    entry.type = type;
    entry.path = path;
    entry.target = target;
    REQUIRE(writer.begin(entry).has_value());
    if (!text.empty()) REQUIRE(writer.data(std::as_bytes(std::span(text))).has_value());
    REQUIRE(writer.end().has_value());
  };
  using Type = base::ArchiveEntry::Type;
  put(Type::file, "./a//b", "first");
  put(Type::hardlink, "c", "", "a/b");
  put(Type::file, "a/b", "second one");
  put(Type::symlink, "d", "", "c");
  put(Type::file, "info/index.json", "{}");
  put(Type::file, "empty", "");
  const auto& written = writer.written();
  CHECK(written.size() == 4);
  CHECK(written.at("a/b").size == 10);
  CHECK(written.at("a/b").sha256 == base::hash_text(base::HashKind::sha256, "second one"));
  CHECK(written.at("c").sha256 == base::hash_text(base::HashKind::sha256, "first"));
  CHECK(written.at("c").size == 5);
  CHECK(written.at("d").sha256.empty());
  CHECK(written.at("empty").sha256 == base::hash_text(base::HashKind::sha256, ""));
  CHECK(test::text_of(directory / "package/c") == "first");
}
