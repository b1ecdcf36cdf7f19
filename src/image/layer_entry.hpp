// What a layer holds, as values: where each path's bytes come from and how the entry is written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "conda/paths_json.hpp"

namespace hpcenv::image {

/// A file that holds the path it was built at, which becomes the prefix in the image.
struct Patch {
  conda::FileMode mode = conda::FileMode::none;
  std::string placeholder;
  std::string prefix;
};

struct LayerEntry {
  enum class Kind {
    directory,
    file,     ///< bytes of `source`
    text,     ///< bytes of `text`
    symlink,  ///< to `text`
  };
  Kind kind = Kind::file;
  std::string path;  ///< in the image, without a leading `/`
  std::filesystem::path source;
  std::string text;
  std::uint32_t mode = 0644;
  std::int64_t modified = 0;  ///< seconds since the epoch
  std::uint64_t size = 0;     ///< of a file, as it lies on disk
  std::optional<Patch> patch;
  /// Its digest is noted while the layer is written: no package lists it.
  bool is_noted = false;
};

/// Of what no package dates, 1980-01-01: zip files cannot say earlier.
inline constexpr std::int64_t undated = 315'532'800;

/// Adds the directories above every entry (mode 755, `undated`), sorts bytewise. A path that is
/// there twice is the caller's mistake.
void complete(std::vector<LayerEntry>& entries);

/// Kind refused for a path that a layer cannot hold: names that begin with `.wh.` mean that a file
/// of a lower layer goes. `what` is whose it is.
Result<> check_name(std::string_view path, const std::string& what);

/// What all of them take in a tar file, bytes; patched texts as long as they are on disk.
std::uint64_t tar_size(const std::vector<LayerEntry>& entries);

}  // namespace hpcenv::image
