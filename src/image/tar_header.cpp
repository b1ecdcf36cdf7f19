#include "image/tar_header.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace hpcenv::image {

namespace {

constexpr std::size_t name_size = 100;
constexpr std::uint64_t largest_octal = 077777777777;  // 11 digits

void put(std::string& block, std::size_t offset, std::string_view text) {
  std::ranges::copy(text, block.begin() + static_cast<std::ptrdiff_t>(offset));
}

bool is_plain(std::string_view text) {
  return text.size() <= name_size &&
         std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

char type_flag(TarHeader::Type type) {
  switch (type) {
    case TarHeader::Type::file:
      return '0';
    case TarHeader::Type::hardlink:
      return '1';
    case TarHeader::Type::symlink:
      return '2';
    case TarHeader::Type::directory:
      return '5';
  }
  return '0';
}

/// "LENGTH KEY=VALUE\n"; the length counts its own digits.
std::string pax_record(std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (fmt::formatted_size("{}", length) + rest != length) {
    length = fmt::formatted_size("{}", length) + rest;
  }
  return fmt::format("{} {}={}\n", length, key, value);
}

std::string block_of(const TarHeader& header, char type, std::string_view name,
                     std::uint64_t size) {
  std::string block(tar_block, '\0');
  put(block, 0, name.substr(0, name_size));
  put(block, 100, fmt::format("{:07o}", header.mode & 07777U));
  put(block, 108, "0000000");
  put(block, 116, "0000000");
  put(block, 124, fmt::format("{:011o}", std::min(size, largest_octal)));
  put(block, 136, fmt::format("{:011o}", std::max<std::int64_t>(header.modified, 0)));
  put(block, 148, "        ");
  block[156] = type;
  if (is_plain(header.target)) put(block, 157, header.target);
  put(block, 257, std::string_view("ustar\00000", 8));
  put(block, 329, "0000000");
  put(block, 337, "0000000");
  const unsigned sum = std::accumulate(
      block.begin(), block.end(), 0U,
      [](unsigned total, char byte) { return total + static_cast<unsigned char>(byte); });
  put(block, 148, std::string_view(fmt::format("{:06o}", sum)));
  block[154] = '\0';
  return block;
}

}  // namespace

std::string tar_header(const TarHeader& header) {
  const bool is_directory = header.type == TarHeader::Type::directory;
  const std::string path = is_directory ? header.path + "/" : header.path;
  const std::uint64_t size = header.type == TarHeader::Type::file ? header.size : 0;
  std::string records;
  if (!is_plain(path)) records += pax_record("path", path);
  if (!is_plain(header.target)) records += pax_record("linkpath", header.target);
  if (size > largest_octal) records += pax_record("size", fmt::format("{}", size));
  std::string text;
  if (!records.empty()) {
    TarHeader extension;
    extension.modified = header.modified;
    text = block_of(extension, 'x', "././@PaxHeader", records.size());
    text += records;
    text.append(tar_padding(records.size()), '\0');
  }
  const std::string name = is_plain(path) ? path : std::string("././@Long");
  return text + block_of(header, type_flag(header.type), name, size);
}

}  // namespace hpcenv::image
