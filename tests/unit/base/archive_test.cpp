#include "base/archive.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <map>

#include "base/compress.hpp"
#include "unit/support/archive_writer.hpp"
#include "unit/support/message_of.hpp"

using namespace hpcenv;
using namespace hpcenv::base;
using namespace hpcenv::test;

namespace {

/// Keeps what it is given.
class Collector final : public ArchiveSink {
 public:
  Result<> begin(const ArchiveEntry& entry) override {
    entries.push_back(entry);
    contents.emplace_back();
    return {};
  }
  Result<> data(std::span<const std::byte> bytes) override {
    contents.back().append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  }
  Result<> end() override {
    ++ended;
    return {};
  }
  std::string text_of(const std::string& path) const {
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (entries[i].path == path) return contents[i];
    }
    return "(no such entry)";
  }
  std::vector<ArchiveEntry> entries;
  std::vector<std::string> contents;
  std::size_t ended = 0;
};

/// Hands text out in pieces and counts what was taken.
class Pieces {
 public:
  Pieces(std::string_view text, std::size_t piece) : rest_(text), piece_(piece) {}
  ByteSource source() {
    return [this]() -> Result<std::span<const std::byte>> {
      const std::string_view now = rest_.substr(0, piece_);
      rest_.remove_prefix(now.size());
      return std::as_bytes(std::span(now));
    };
  }
  bool all_taken() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  std::size_t piece_;
};

Result<> read_text(ArchiveFormat format, std::string_view text, ArchiveSink& sink,
                   std::size_t piece = 16384) {
  Pieces pieces(text, piece);
  Result<> read = read_package_archive(format, pieces.source(), sink, "x.conda");
  if (read.has_value()) CHECK(pieces.all_taken());
  return read;
}

std::string refusal_of(ArchiveFormat format, std::string_view text) {
  Collector sink;
  const Result<> read = read_text(format, text, sink);
  if (read.has_value()) return "(read)";
  CHECK(read.error().kind == ErrorKind::refused);
  return read.error().message;
}

std::vector<TarEntry> sample_entries() {
  std::string large;
  for (int i = 0; i < 100000; ++i) large += std::to_string(i * 7919);
  return {{"info/index.json", "{}"},           {"lib/", "", '5', "", 0755},
          {"lib/large", large, '0', "", 0755}, {"lib/empty", ""},
          {"lib/link", "", '2', "large"},      {"lib/hard", "", '1', "lib/large"}};
}

}  // namespace

TEST_CASE("a .conda is read in one pass, whatever the pieces and the style of its zip") {
  const auto style = GENERATE(ZipStyle::sizes_first, ZipStyle::data_descriptor, ZipStyle::zip64);
  const auto piece = GENERATE(std::size_t{7}, std::size_t{4096}, std::size_t{1} << 30U);
  CAPTURE(static_cast<int>(style), piece);
  Collector sink;
  const std::string archive = conda_of(sample_entries(), "x-1-0", style);
  const Result<> read = read_text(ArchiveFormat::conda, archive, sink, piece);
  REQUIRE(test::message_of(read) == test::no_failure);
  REQUIRE(sink.entries.size() == 6);
  CHECK(sink.ended == 6);
  CHECK(sink.text_of("lib/large") == sample_entries()[2].data);
  CHECK(sink.text_of("info/index.json") == "{}");
}

TEST_CASE("entries come with type, mode, time and target") {
  Collector sink;
  REQUIRE(read_text(ArchiveFormat::tar_bz2, bzip2_of(tar_of(sample_entries())), sink).has_value());
  REQUIRE(sink.entries.size() == 6);
  CHECK(sink.entries[1].type == ArchiveEntry::Type::directory);
  CHECK(sink.entries[2].type == ArchiveEntry::Type::file);
  CHECK(sink.entries[2].mode == 0755);
  CHECK(sink.entries[2].modified == 1'700'000'000);
  CHECK(sink.entries[2].size == static_cast<std::int64_t>(sample_entries()[2].data.size()));
  CHECK(sink.entries[4].type == ArchiveEntry::Type::symlink);
  CHECK(sink.entries[4].target == "large");
  CHECK(sink.entries[5].type == ArchiveEntry::Type::hardlink);
  CHECK(sink.entries[5].target == "lib/large");
  CHECK(sink.text_of("lib/large") == sample_entries()[2].data);
}

TEST_CASE("the inner archives may come in any order and among other members") {
  const std::string pkg = zstd_compress(tar_of({{"a", "1"}}), 3);
  const std::string info = zstd_compress(tar_of({{"info/index.json", "{}"}}), 3);
  Collector sink;
  const std::string archive = zip_of({{"info-x-1-0.tar.zst", info},
                                      {"README", "hello"},
                                      {"pkg-x-1-0.tar.zst", pkg},
                                      {"metadata.json", R"({"conda_pkg_format_version": 2})"}});
  REQUIRE(read_text(ArchiveFormat::conda, archive, sink).has_value());
  CHECK(sink.text_of("a") == "1");
}

TEST_CASE("names are bytes: composed, decomposed and long ones come as they were written") {
  const std::vector<std::string> names{"lib/\xc3\xa9", "lib/e\xcc\x81", "lib/\xff\xfe",
                                       "lib/" + std::string(300, 'x'), "a b\n'\"$"};
  std::vector<TarEntry> entries{{"info/index.json", "{}"}};
  for (const std::string& name : names) entries.push_back({name, "x"});
  entries.push_back({"link", "", '2', names[1]});
  Collector sink;
  REQUIRE(read_text(ArchiveFormat::conda, conda_of(entries, "x-1-0"), sink).has_value());
  for (const std::string& name : names) {
    CAPTURE(name);
    CHECK(sink.text_of(name) == "x");
  }
  bool found = false;
  for (const ArchiveEntry& entry : sink.entries) found = found || entry.target == names[1];
  CHECK(found);
}

TEST_CASE("a .conda cut anywhere is refused") {
  const std::string archive = conda_of(sample_entries(), "x-1-0");
  for (std::size_t part = 0; part < 20; ++part) {
    const std::size_t size = archive.size() * part / 20;
    CAPTURE(part, size);
    CHECK(refusal_of(ArchiveFormat::conda, std::string_view(archive).substr(0, size)) != "(read)");
  }
  for (std::size_t cut = 1; cut < 300; cut += 7) {
    CAPTURE(cut);
    CHECK(refusal_of(ArchiveFormat::conda,
                     std::string_view(archive).substr(0, archive.size() - cut)) != "(read)");
  }
}

TEST_CASE("a .tar.bz2 cut anywhere is refused") {
  const std::string archive = bzip2_of(tar_of(sample_entries()));
  for (std::size_t part = 0; part < 20; ++part) {
    const std::size_t size = archive.size() * part / 20;
    CAPTURE(part, size);
    CHECK(refusal_of(ArchiveFormat::tar_bz2, std::string_view(archive).substr(0, size)) !=
          "(read)");
  }
}

TEST_CASE("a changed byte in a stored member is found by the zip's checksum or by zstd") {
  const std::string archive = conda_of(sample_entries(), "x-1-0");
  int refused = 0;
  for (std::size_t at = 200; at + 600 < archive.size(); at += archive.size() / 23) {
    std::string damaged = archive;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    refused += refusal_of(ArchiveFormat::conda, damaged) == "(read)" ? 0 : 1;
  }
  CHECK(refused >= 22);
}

TEST_CASE("what is no package archive is refused in words") {
  CHECK(refusal_of(ArchiveFormat::conda, "").starts_with("x.conda: "));
  CHECK(refusal_of(ArchiveFormat::conda, "<html>not found</html>").starts_with("x.conda: damaged"));
  CHECK(refusal_of(ArchiveFormat::tar_bz2, "<html>not found</html>").starts_with("x.conda: dam"));
  CHECK(refusal_of(ArchiveFormat::tar_bz2, "").starts_with("x.conda: damaged"));
  const std::string tar = zstd_compress(tar_of({{"a", "1"}}), 3);
  CHECK(refusal_of(ArchiveFormat::conda, zip_of({{"pkg-x-1-0.tar.zst", tar}}))
            .ends_with("this one holds 1 and 0"));
  CHECK(
      refusal_of(ArchiveFormat::conda,
                 zip_of({{"pkg-x.tar.zst", tar}, {"pkg-y.tar.zst", tar}, {"info-x.tar.zst", tar}}))
          .ends_with("this one holds 2 and 1"));
  CHECK(refusal_of(ArchiveFormat::conda,
                   zip_of({{"metadata.json", R"({"conda_pkg_format_version": 3})"}}))
            .find("package format 3 is not known") != std::string::npos);
  CHECK(refusal_of(ArchiveFormat::conda, zip_of({{"metadata.json", "{"}}))
            .starts_with("x.conda/metadata.json:1:"));
}

TEST_CASE("device nodes, fifos and nameless entries are refused") {
  for (const char type : {'3', '4', '6'}) {
    CAPTURE(type);
    CHECK(refusal_of(ArchiveFormat::conda, conda_of({{"dev", "", type}}, "x-1-0")) ==
          "x.conda: dev is neither a file, a directory nor a link");
  }
  CHECK(refusal_of(ArchiveFormat::conda, conda_of({{"", "x"}}, "x-1-0")) ==
        "x.conda: holds an entry without a name");
}

TEST_CASE("a failure of the source or of the sink is handed on as it is") {
  const std::string archive = conda_of(sample_entries(), "x-1-0");
  Collector sink;
  std::size_t calls = 0;
  const ByteSource failing = [&]() -> Result<std::span<const std::byte>> {
    if (++calls > 3) return fail(ErrorKind::network, "the line is dead");
    return std::as_bytes(std::span(archive).subspan((calls - 1) * 100, 100));
  };
  const Result<> read = read_package_archive(ArchiveFormat::conda, failing, sink, "x");
  CHECK(read.error().kind == ErrorKind::network);
  CHECK(read.error().message == "the line is dead");
  CHECK(calls == 4);

  class FullDisk final : public ArchiveSink {
    Result<> begin(const ArchiveEntry&) override { return {}; }
    Result<> data(std::span<const std::byte>) override {
      return fail(ErrorKind::no_space, "the disk is full");
    }
    Result<> end() override { return {}; }
  } full;
  CHECK(read_text(ArchiveFormat::conda, archive, full).error().kind == ErrorKind::no_space);
}
