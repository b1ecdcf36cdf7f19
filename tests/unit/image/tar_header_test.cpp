#include "image/tar_header.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "base/fs.hpp"
#include "base/process.hpp"
#include "image/tar_members.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::image {
namespace {

/// What GNU tar sees in an archive of these headers and so many bytes of content.
std::string listing(const std::filesystem::path& file) {
  base::ProcessRequest request;
  request.argv = {"/bin/tar", "--numeric-owner", "--quoting-style=literal", "--full-time", "--utc",
                  "-tvf",     file.native()};
  request.environment.set("LC_ALL", "C.UTF-8");
  request.environment.set("TZ", "UTC");
  request.environment.set("PATH", "/usr/bin:/bin");
  const auto ran = base::make_process_runner()->run(request);
  REQUIRE(ran);
  INFO(ran->errors);
  REQUIRE(ran->succeeded());
  return ran->output;
}

std::string archive_of(const std::vector<TarHeader>& headers) {
  std::string text;
  for (const TarHeader& header : headers) {
    text += tar_header(header);
    if (header.type != TarHeader::Type::file) continue;
    text += std::string(header.size, 'x') + std::string(tar_padding(header.size), '\0');
  }
  return text + std::string(tar_end, '\0');
}

}  // namespace

TEST_CASE("tar reads what the headers say") {
  const test::TemporaryDirectory directory;
  const std::string longest = "a/" + std::string(200, 'n') + "/" + std::string(90, 'm');
  TarHeader file;
  file.path = longest;
  file.size = 513;
  file.mode = 0755;
  file.modified = 1'700'000'000;
  TarHeader folder;
  folder.type = TarHeader::Type::directory;
  folder.path = "opt/dä\nir";
  folder.mode = 0755;
  TarHeader link;
  link.type = TarHeader::Type::symlink;
  link.path = "opt/link";
  link.target = std::string(101, 't');
  TarHeader hard;
  hard.type = TarHeader::Type::hardlink;
  hard.path = "opt/hard";
  hard.target = longest;
  const auto path = directory.path() / "x.tar";
  REQUIRE(base::write_file(path, archive_of({folder, file, hard, link})));
  const std::string seen = listing(path);
  INFO(seen);
  CHECK(seen.find(" 513 2023-11-14 22:13:20 " + longest) != std::string::npos);
  CHECK(seen.find(" 0 1970-01-01 00:00:00 opt/dä\nir/") != std::string::npos);
  CHECK(seen.find("-rwxr-xr-x 0/0 ") != std::string::npos);
  CHECK(seen.find("drwxr-xr-x 0/0 ") != std::string::npos);
  CHECK(seen.find("opt/link -> " + std::string(101, 't')) != std::string::npos);
  CHECK(seen.find("opt/hard link to " + longest) != std::string::npos);
}

TEST_CASE("the members of an archive are found, whoever wrote it") {
  const test::TemporaryDirectory directory;
  const std::string deep = std::string(120, 'd');
  REQUIRE(base::make_directories(directory.path() / "in" / deep));
  REQUIRE(base::write_file(directory.path() / "in" / deep / "f", "content"));
  REQUIRE(base::write_file(directory.path() / "in/g", std::string(1000, 'g')));
  std::filesystem::create_symlink("../g", directory.path() / "in" / deep / "s");
  for (const char* format : {"ustar", "gnu", "pax"}) {
    INFO(format);
    const auto file = directory.path() / (std::string(format) + ".tar");
    base::ProcessRequest request;
    request.argv = {"/bin/tar", std::string("--format=") + format,
                    "-C",       (directory.path() / "in").native(),
                    "-cf",      file.native(),
                    "."};
    request.environment.set("PATH", "/usr/bin:/bin");
    const auto ran = base::make_process_runner()->run(request);
    REQUIRE(ran);
    if (std::string_view(format) == "ustar" && !ran->succeeded()) continue;
    const auto members = tar_members(file);
    REQUIRE(members);
    REQUIRE(members->contains("g"));
    CHECK(members->at("g").size == 1000);
    REQUIRE(members->contains(deep + "/f"));
    const BlobPlace place = members->at(deep + "/f");
    const std::string bytes = *base::read_file(file);
    CHECK(bytes.substr(place.offset, place.size) == "content");
    REQUIRE(members->contains(deep + "/s"));
    CHECK(members->at(deep + "/s").size == 1000);
  }
}

TEST_CASE("sizes of 8 GiB and more stand in a pax record") {
  const test::TemporaryDirectory directory;
  TarHeader header;
  header.path = "weights";
  header.size = (std::uint64_t{9} << 30U) + 5;
  const std::string text = tar_header(header);
  CHECK(text.size() == 3 * tar_block);
  CHECK(text.find("size=9663676421\n") != std::string::npos);
  const auto path = directory.path() / "big.tar";
  REQUIRE(base::write_file(path, text));
  std::filesystem::resize_file(path,
                               text.size() + header.size + tar_padding(header.size) + tar_end);
  const auto members = tar_members(path);
  REQUIRE(members);
  CHECK(members->at("weights").size == header.size);
  CHECK(listing(path).find(" 9663676421 ") != std::string::npos);
}

TEST_CASE("what is no plain tar file is refused with a reason") {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / "f";
  const auto message = [&](const std::string& bytes) {
    REQUIRE(base::write_file(path, bytes));
    const auto members = tar_members(path);
    REQUIRE_FALSE(members.has_value());
    CHECK(members.error().kind == ErrorKind::refused);
    return members.error().message;
  };
  CHECK(message("").ends_with("it ends early"));
  CHECK(message(std::string(600, 'x')).ends_with("it is no tar file"));
  CHECK(message("\x1f\x8b" + std::string(600, 'x')).ends_with("is compressed"));
  CHECK(
      message("hsqs" + std::string(600, 'x')).ends_with("is a squashfs file, which has no layers"));
  TarHeader header;
  header.path = "f";
  header.size = 2000;
  CHECK(message(tar_header(header) + "short").ends_with("it ends early"));
  std::string wrong = tar_header(header);
  wrong[0] = 'g';
  CHECK(message(wrong).ends_with("it is no tar file"));
}

}  // namespace hpcenv::image
