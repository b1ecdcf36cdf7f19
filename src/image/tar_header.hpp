// Headers of tar entries in the pax form (POSIX.1-2001), written by ourselves: the bytes of a layer
// decide its digest, so they must not depend on a library's version or the locale
// (docs/decisions/0025). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hpcenv::image {

struct TarHeader {
  enum class Type { file, directory, symlink, hardlink };
  Type type = Type::file;
  std::string path;    ///< bytes; relative, without a `/` at the end
  std::string target;  ///< of a link
  std::uint32_t mode = 0644;
  std::uint64_t size = 0;     ///< of a file, bytes
  std::int64_t modified = 0;  ///< seconds since the epoch
};

inline constexpr std::size_t tar_block = 512;

/// The header blocks of an entry: owner 0:0 without names; what the old fields cannot hold (names
/// over 100 bytes or not ASCII, 8 GiB and more) stands in a pax header before. The same value gives
/// the same bytes.
std::string tar_header(const TarHeader& header);

/// How many zero bytes follow a file of that size.
constexpr std::size_t tar_padding(std::uint64_t size) {
  return static_cast<std::size_t>((tar_block - size % tar_block) % tar_block);
}
/// The end of an archive.
inline constexpr std::size_t tar_end = 2 * tar_block;

}  // namespace hpcenv::image
