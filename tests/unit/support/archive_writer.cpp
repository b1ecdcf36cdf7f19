#include "unit/support/archive_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

#include "base/compress.hpp"
#include "base/process.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::test {

namespace {

void put(std::string& header, std::size_t at, std::string_view text) {
  std::copy(text.begin(), text.end(), header.begin() + static_cast<std::ptrdiff_t>(at));
}

std::string header_of(const TarEntry& entry, std::size_t size) {
  std::string header(512, '\0');
  put(header, 0, entry.path.substr(0, 100));
  put(header, 100, fmt::format("{:07o}", entry.mode));
  put(header, 108, "0001750");
  put(header, 116, "0001750");
  put(header, 124, fmt::format("{:011o}", size));
  put(header, 136, fmt::format("{:011o}", entry.modified));
  put(header, 148, "        ");
  header[156] = entry.type;
  put(header, 157, entry.target.substr(0, 100));
  put(header, 257, std::string_view("ustar\00000", 8));
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(header, 148, fmt::format("{:06o}", sum));
  header[154] = '\0';
  return header;
}

std::string padded(std::string data) {
  data.resize((data.size() + 511) / 512 * 512, '\0');
  return data;
}

bool needs_pax(std::string_view text) {
  return text.size() > 99 || std::any_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) >= 0x80;
         });
}

/// "LENGTH key=value\n", where LENGTH counts itself.
std::string pax_record(std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (std::to_string(length).size() + rest != length) {
    length = std::to_string(length).size() + rest;
  }
  return fmt::format("{} {}={}\n", length, key, value);
}

void put_number(std::string& bytes, std::uint64_t value, int width) {
  for (int i = 0; i < width; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xffU);
}

std::uint32_t crc32_of(std::string_view bytes) {
  std::uint32_t crc = 0xffffffffU;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
  }
  return ~crc;
}

constexpr std::uint32_t beyond_32_bits = 0xffffffffU;

std::string local_part(const ZipMember& member, ZipStyle style) {
  const bool later = style == ZipStyle::data_descriptor;
  const bool wide = style == ZipStyle::zip64;
  const std::uint32_t crc = crc32_of(member.data);
  std::string bytes = "PK\3\4";
  put_number(bytes, wide ? 45 : 20, 2);
  put_number(bytes, later ? 8 : 0, 2);  // bit 3: sizes follow the data
  put_number(bytes, 0, 2);              // stored
  put_number(bytes, 0x58210000, 4);
  put_number(bytes, later ? 0 : crc, 4);
  const std::uint64_t size = later ? 0 : member.data.size();
  put_number(bytes, wide ? beyond_32_bits : size, 4);
  put_number(bytes, wide ? beyond_32_bits : size, 4);
  put_number(bytes, member.name.size(), 2);
  put_number(bytes, wide ? 20 : 0, 2);
  bytes += member.name;
  if (wide) {
    put_number(bytes, 1, 2);
    put_number(bytes, 16, 2);
    put_number(bytes, size, 8);
    put_number(bytes, size, 8);
  }
  bytes += member.data;
  if (later) {
    bytes += "PK\7\10";
    put_number(bytes, crc, 4);
    put_number(bytes, member.data.size(), 4);
    put_number(bytes, member.data.size(), 4);
  }
  return bytes;
}

std::string central_part(const ZipMember& member, ZipStyle style, std::size_t offset) {
  std::string bytes = "PK\1\2";
  put_number(bytes, 45, 2);
  put_number(bytes, 20, 2);
  put_number(bytes, style == ZipStyle::data_descriptor ? 8 : 0, 2);
  put_number(bytes, 0, 2);
  put_number(bytes, 0x58210000, 4);
  put_number(bytes, crc32_of(member.data), 4);
  put_number(bytes, member.data.size(), 4);
  put_number(bytes, member.data.size(), 4);
  put_number(bytes, member.name.size(), 2);
  put_number(bytes, 0, 2);
  put_number(bytes, 0, 2);
  put_number(bytes, 0, 2);
  put_number(bytes, 0, 2);
  put_number(bytes, 0, 4);
  put_number(bytes, offset, 4);
  return bytes + member.name;
}

}  // namespace

std::string tar_of(const std::vector<TarEntry>& entries) {
  std::string tar;
  for (const TarEntry& entry : entries) {
    std::string extra;
    if (needs_pax(entry.path)) extra += pax_record("path", entry.path);
    if (needs_pax(entry.target)) extra += pax_record("linkpath", entry.target);
    if (!extra.empty()) {
      tar += header_of({"PaxHeader", "", 'x', "", 0644, 0}, extra.size());
      tar += padded(std::move(extra));
    }
    tar += header_of(entry, entry.data.size());
    tar += padded(entry.data);
  }
  return tar + std::string(1024, '\0');
}

std::string zip_of(const std::vector<ZipMember>& members, ZipStyle style) {
  std::string zip;
  std::string central;
  for (const ZipMember& member : members) {
    central += central_part(member, style, zip.size());
    zip += local_part(member, style);
  }
  const std::size_t start = zip.size();
  zip += central;
  zip += "PK\5\6";
  put_number(zip, 0, 4);
  put_number(zip, members.size(), 2);
  put_number(zip, members.size(), 2);
  put_number(zip, central.size(), 4);
  put_number(zip, start, 4);
  put_number(zip, 0, 2);
  return zip;
}

std::string conda_of(const std::vector<TarEntry>& entries, std::string_view stem, ZipStyle style) {
  std::vector<TarEntry> info;
  std::vector<TarEntry> files;
  for (const TarEntry& entry : entries) {
    (entry.path.starts_with("info/") ? info : files).push_back(entry);
  }
  return zip_of({{"metadata.json", R"({"conda_pkg_format_version": 2})"},
                 {fmt::format("pkg-{}.tar.zst", stem), base::zstd_compress(tar_of(files), 3)},
                 {fmt::format("info-{}.tar.zst", stem), base::zstd_compress(tar_of(info), 3)}},
                style);
}

std::vector<TarEntry> minimal_package(const std::string& name, const std::string& version,
                                      const std::string& build) {
  return {{"info/index.json",
           fmt::format(R"({{"name": "{}", "version": "{}", "build": "{}", "build_number": 0}})",
                       name, version, build)},
          {"share/" + name, "contents of " + name + "\n"}};
}

std::string bzip2_of(std::string_view bytes) {
  const TemporaryDirectory directory;
  put_file(directory / "in", bytes);
  base::ProcessRequest request;
  request.argv = {"/usr/bin/python3", "-c",
                  "import bz2; open('out', 'wb').write(bz2.compress(open('in', 'rb').read()))"};
  request.directory = directory.path();
  const auto done = base::make_process_runner()->run(request);
  if (!done.has_value() || !done->succeeded()) throw std::runtime_error("python3 bz2 failed");
  return text_of(directory / "out");
}

}  // namespace hpcenv::test
