// Where the members of a plain tar file lie in it: images come as archives of blobs that are read
// by place, several at once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "base/result.hpp"

namespace hpcenv::image {

/// A part of a file.
struct BlobPlace {
  std::filesystem::path file;
  std::uint64_t offset = 0;  ///< bytes
  std::uint64_t size = 0;    ///< bytes
};

/// Regular files by name (without a leading "./"); a link stands for what it names. Reads headers
/// only. Knows ustar, pax and GNU long names. Kind refused where the file is no plain tar file or
/// ends early, with the hint to unpack it first where it is compressed.
Result<std::map<std::string, BlobPlace>> tar_members(const std::filesystem::path& file);

}  // namespace hpcenv::image
