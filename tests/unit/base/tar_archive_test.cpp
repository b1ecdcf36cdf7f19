#include "base/tar_archive.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "base/compress.hpp"
#include "base/fs.hpp"
#include "base/process.hpp"
#include "unit/support/archive_writer.hpp"
#include "unit/support/message_of.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using base::TarCompression;
using Type = base::TarEntry::Type;

namespace {

/// Keeps what it is given; of data, at most `keep` bytes an entry and their number.
class Collector final : public base::TarSink {
 public:
  Result<> begin(const base::TarEntry& entry) override {
    entries.push_back(entry);
    contents.emplace_back();
    sizes.push_back(0);
    if (entry.path == stop_at) return fail(ErrorKind::no_space, "the disk is full");
    return {};
  }
  Result<> data(std::span<const std::byte> bytes) override {
    const std::size_t room = keep - std::min(keep, contents.back().size());
    contents.back().append(reinterpret_cast<const char*>(bytes.data()),
                           std::min(room, bytes.size()));
    sizes.back() += bytes.size();
    return {};
  }
  Result<> end() override {
    ++ended;
    return {};
  }
  const base::TarEntry& at(const std::string& path) const {
    for (const base::TarEntry& entry : entries) {
      if (entry.path == path) return entry;
    }
    FAIL("no entry " << path);
    return entries.front();
  }
  std::vector<base::TarEntry> entries;
  std::vector<std::string> contents;
  std::vector<std::uint64_t> sizes;
  std::size_t ended = 0;
  std::size_t keep = 1U << 20U;
  std::string stop_at;
};

/// `taken` counts the bytes that were handed out.
base::ByteSource source_of(std::string_view text, std::size_t piece, std::size_t& taken) {
  return [text, piece, &taken]() -> Result<std::span<const std::byte>> {
    const std::string_view now = text.substr(taken, piece);
    taken += now.size();
    return std::as_bytes(std::span(now));
  };
}

Result<> read_text(std::string_view text, TarCompression compression, base::TarSink& sink,
                   std::size_t piece = 16384) {
  std::size_t taken = 0;
  const Result<> read = base::read_tar(source_of(text, piece, taken), compression, sink, "a layer");
  if (read.has_value()) CHECK(taken == text.size());
  return read;
}

std::string refusal_of(std::string_view text, TarCompression compression = TarCompression::any) {
  Collector sink;
  const Result<> read = read_text(text, compression, sink);
  if (read.has_value()) return "(read)";
  CHECK(read.error().kind == ErrorKind::refused);
  return read.error().message;
}

/// What a Python program, run with `tarfile` and an open archive `tar` (pax unless it says so),
/// leaves in `out`.
std::string python_tar(const std::string& body) {
  const test::TemporaryDirectory directory;
  base::ProcessRequest request;
  request.argv = {"/usr/bin/python3", "-c",
                  "import gzip, io, tarfile\n"
                  "def entry(name, type=tarfile.REGTYPE, **rest):\n"
                  "    info = tarfile.TarInfo(name)\n"
                  "    info.type = type\n"
                  "    for key, value in rest.items():\n"
                  "        setattr(info, key, value)\n"
                  "    return info\n" +
                      body};
  request.directory = directory.path();
  const auto done = base::make_process_runner()->run(request);
  REQUIRE(test::message_of(done) == test::no_failure);
  REQUIRE(done->succeeded());
  return test::text_of(directory / "out");
}

std::string python_entries(const std::string& adds) {
  return python_tar("tar = tarfile.open('out', 'w', format=tarfile.PAX_FORMAT)\n" + adds +
                    "tar.close()\n");
}

std::string large_text() {
  std::string text;
  for (int i = 0; i < 60000; ++i) text += std::to_string(i * 7919);
  return text;
}

std::string sample_tar() {
  return test::tar_of({{"usr/", "", '5', "", 0755},
                       {"usr/large", large_text(), '0', "", 0755},
                       {"usr/empty", ""},
                       {"usr/link", "", '2', "../elsewhere"},
                       {"usr/hard", "", '1', "usr/large"},
                       {"dev/pipe", "", '6'}});
}

}  // namespace

TEST_CASE("a tar is read in one pass, plain or compressed, whatever the pieces") {
  const auto piece = GENERATE(std::size_t{7}, std::size_t{4096}, std::size_t{1} << 30U);
  const auto compression = GENERATE(TarCompression::zstd, TarCompression::none);
  const auto declared = GENERATE(true, false) ? compression : TarCompression::any;
  const std::string tar = sample_tar();
  Collector sink;
  const std::string bytes = compression == TarCompression::none ? tar : base::zstd_compress(tar, 3);
  REQUIRE(test::message_of(read_text(bytes, declared, sink, piece)) == test::no_failure);
  REQUIRE(sink.entries.size() == 6);
  CHECK(sink.ended == 6);
  CHECK(sink.contents[1] == large_text());
  CHECK(sink.at("usr/large").size == large_text().size());
  CHECK(sink.at("usr/").type == Type::directory);
  CHECK(sink.at("usr/link").type == Type::symlink);
  CHECK(sink.at("usr/link").target == "../elsewhere");
  CHECK(sink.at("usr/hard").type == Type::hardlink);
  CHECK(sink.at("usr/hard").target == "usr/large");
  CHECK(sink.at("dev/pipe").type == Type::fifo);
}

TEST_CASE("gzip of several members and zstd of several frames are one tar") {
  const std::string tar = sample_tar();
  std::string frames;
  for (std::size_t at = 0; at < tar.size(); at += 50000) {
    frames += base::zstd_compress(std::string_view(tar).substr(at, 50000), 3);
  }
  Collector zstd;
  REQUIRE(read_text(frames, TarCompression::zstd, zstd).has_value());
  CHECK(zstd.contents[1] == large_text());

  const std::string members = python_tar(
      "buffer = io.BytesIO()\n"
      "tar = tarfile.open(fileobj=buffer, mode='w')\n"
      "data = bytes(range(256)) * 1000\n"
      "tar.addfile(entry('a', size=len(data)), io.BytesIO(data))\n"
      "tar.addfile(entry('b'))\n"
      "tar.close()\n"
      "whole = buffer.getvalue()\n"
      "out = open('out', 'wb')\n"
      "for at in range(0, len(whole), 50000):\n"
      "    out.write(gzip.compress(whole[at:at + 50000]))\n");
  const auto compression = GENERATE(TarCompression::gzip, TarCompression::any);
  Collector gzip;
  REQUIRE(read_text(members, compression, gzip).has_value());
  REQUIRE(gzip.entries.size() == 2);
  CHECK(gzip.sizes[0] == 256000);
}

TEST_CASE("owners, modes, times, devices and extended attributes come as they are") {
  const std::string tar = python_entries(
      "tar.addfile(entry('f', uid=0, gid=42, mode=0o4755, mtime=1700000000.5,\n"
      "    pax_headers={'SCHILY.xattr.security.capability': 'a\\0b', 'SCHILY.xattr.user.x': "
      "'1'}))\n"
      "tar.addfile(entry('far', uid=4000000000, gid=3000000))\n"
      "tar.addfile(entry('old', mtime=-5))\n"
      "tar.addfile(entry('null', tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666))\n"
      "tar.addfile(entry('disk', tarfile.BLKTYPE, devmajor=8, devminor=17))\n");
  Collector sink;
  REQUIRE(test::message_of(read_text(tar, TarCompression::none, sink)) == test::no_failure);
  const base::TarEntry& file = sink.at("f");
  CHECK(file.uid == 0);
  CHECK(file.gid == 42);
  CHECK(file.mode == 04755);
  CHECK(file.modified == 1'700'000'000);
  CHECK(file.xattrs.at("security.capability") == std::string("a\0b", 3));
  CHECK(file.xattrs.at("user.x") == "1");
  CHECK(sink.at("far").uid == 4'000'000'000U);
  CHECK(sink.at("far").gid == 3'000'000);
  CHECK(sink.at("far").xattrs.empty());
  CHECK(sink.at("old").modified == -5);
  CHECK(sink.at("null").type == Type::character_device);
  CHECK(sink.at("null").device_major == 1);
  CHECK(sink.at("null").device_minor == 3);
  CHECK(sink.at("disk").type == Type::block_device);
  CHECK(sink.at("disk").device_major == 8);
  CHECK(sink.at("disk").device_minor == 17);
}

TEST_CASE("names in a tar are bytes: UTF-8 of both forms, other bytes and long ones") {
  const std::vector<std::string> names{"usr/\xc3\xa9", "usr/e\xcc\x81", "usr/\xff\xfe",
                                       "usr/" + std::string(300, 'x'), "a b\n'\"$"};
  std::vector<test::TarEntry> entries;
  entries.reserve(3 * names.size());
  for (const std::string& name : names) entries.push_back({name, "x"});
  for (const std::string& name : names) entries.push_back({"to " + name, "", '2', name});
  for (const std::string& name : names) entries.push_back({"hard " + name, "", '1', name});
  Collector sink;
  REQUIRE(read_text(test::tar_of(entries), TarCompression::none, sink).has_value());
  REQUIRE(sink.entries.size() == 3 * names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    CAPTURE(names[i]);
    CHECK(sink.entries[i].path == names[i]);
    CHECK(sink.entries[names.size() + i].path == "to " + names[i]);
    CHECK(sink.entries[names.size() + i].target == names[i]);
    CHECK(sink.entries[2 * names.size() + i].target == names[i]);
  }
}

TEST_CASE("sizes beyond 8 GiB are read, as pax and as GNU tar write them") {
  const std::string format = GENERATE("tarfile.PAX_FORMAT", "tarfile.GNU_FORMAT");
  const std::string head = python_tar(
      "info = entry('weights', size=9 * 2**30)\n"
      "open('out', 'wb').write(info.tobuf(format=" +
      format + "))\n");
  Collector sink;
  sink.stop_at = "weights";
  CHECK(read_text(head, TarCompression::none, sink).error().kind == ErrorKind::no_space);
  CHECK(sink.at("weights").size == std::uint64_t{9} << 30U);
}

TEST_CASE("a hole of a sparse file comes as zeros") {
  const test::TemporaryDirectory directory;
  base::ProcessRequest request;
  request.argv = {"/bin/sh", "-c",
                  "printf begin >f && truncate -s 3M f && printf end >>f && truncate -s 4M f && "
                  "tar --sparse --format=posix -cf out f"};
  request.directory = directory.path();
  const auto done = base::make_process_runner()->run(request);
  REQUIRE((done.has_value() && done->succeeded()));
  const std::string tar = test::text_of(directory / "out");
  REQUIRE(tar.size() < (1U << 20U));
  Collector sink;
  sink.keep = 8U << 20U;
  REQUIRE(read_text(tar, TarCompression::none, sink).has_value());
  REQUIRE(sink.entries.size() == 1);
  CHECK(sink.entries[0].path == "f");
  CHECK(sink.entries[0].size == 4U << 20U);
  CHECK(sink.contents[0] == test::text_of(directory / "f"));
}

TEST_CASE("a layer without entries is a layer") {
  Collector sink;
  CHECK(read_text(std::string(1024, '\0'), TarCompression::none, sink).has_value());
  CHECK(read_text("", TarCompression::none, sink).has_value());
  CHECK(read_text(base::zstd_compress("", 3), TarCompression::zstd, sink).has_value());
  CHECK(sink.entries.empty());
}

TEST_CASE("a tar that is cut, changed or none is refused in words") {
  const std::string tar = sample_tar();
  const std::string packed = base::zstd_compress(tar, 3);
  for (std::size_t part = 1; part < 20; ++part) {
    CAPTURE(part);
    CHECK(refusal_of(std::string_view(packed).substr(0, packed.size() * part / 20)) != "(read)");
  }
  const std::string_view inside_data = std::string_view(tar).substr(0, 3000);
  CHECK(refusal_of(inside_data) == "a layer: damaged archive: Truncated tar archive");
  std::string changed = tar;
  changed[512 + 20] = 'x';  // in the second header: its checksum is wrong
  CHECK(refusal_of(changed).starts_with("a layer: damaged archive: "));
  CHECK(refusal_of("<html>not found</html>").starts_with("a layer: damaged archive: "));
  CHECK(refusal_of(packed, TarCompression::none).starts_with("a layer: damaged archive: "));
  CHECK(refusal_of(packed, TarCompression::gzip).starts_with("a layer: damaged archive: "));
}

TEST_CASE("gzip that is cut is refused") {
  const std::string packed = python_tar(
      "tar = tarfile.open('out', 'w:gz')\n"
      "tar.addfile(entry('a', size=300000), io.BytesIO(bytes(range(256)) * 1200))\n"
      "tar.close()\n");
  REQUIRE(refusal_of(packed) == "(read)");
  for (std::size_t part = 1; part < 10; ++part) {
    CAPTURE(part);
    CHECK(refusal_of(std::string_view(packed).substr(0, packed.size() * part / 10)) != "(read)");
  }
}

TEST_CASE("entries that no file system can hold are refused") {
  CHECK(refusal_of(test::tar_of({{"", "x"}})) == "a layer: holds an entry without a name");
  const std::string far = python_entries(
      "info = entry('far')\n"
      "info.pax_headers = {'uid': '4294967296'}\n"
      "tar.addfile(info)\n");
  CHECK(refusal_of(far) == "a layer: far belongs to user or group 4294967296, which no system has");
}

TEST_CASE("a failure of a layer's source or of its sink is handed on as it is") {
  const std::string tar = sample_tar();
  Collector sink;
  std::size_t calls = 0;
  const base::ByteSource failing = [&]() -> Result<std::span<const std::byte>> {
    if (++calls > 3) return fail(ErrorKind::network, "the line is dead");
    return std::as_bytes(std::span(tar).subspan((calls - 1) * 512, 512));
  };
  const Result<> read = base::read_tar(failing, TarCompression::any, sink, "x");
  CHECK(read.error().kind == ErrorKind::network);
  CHECK(read.error().message == "the line is dead");

  Collector full;
  full.stop_at = "usr/link";
  CHECK(read_text(tar, TarCompression::any, full).error().kind == ErrorKind::no_space);
  CHECK(full.entries.size() == 4);
}
