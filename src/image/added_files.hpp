// Files and directories of the user's that go into layers of their own: weights, code.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "image/layer_entry.hpp"

namespace hpcenv::image {

/// `--add SRC:DST`
struct AddedPath {
  std::filesystem::path source;
  std::string target;  ///< absolute, without `.`, `..` and a `/` at the end
};

/// Kind usage for what has no `:`, a target that is not absolute or leaves the root by `..`. The
/// target is what follows the last `:/`.
Result<AddedPath> parse_added(const std::string& text);

struct AddedLayer {
  AddedPath added;
  std::vector<LayerEntry> entries;  ///< complete
  std::uint64_t bytes = 0;          ///< of file contents
  bool is_large = false;            ///< weights and the like: below code, and not compressed
  std::string state;                ///< of all files on this disk: size, times, number
  std::vector<std::string> notes;   ///< what was left out, a sentence each
};

/// Reads names and sizes, no contents. Every file is dated `modified`; modes become 755 and 644.
/// Version control folders and bytecode are left out of directories. Links stay links. Kind
/// not_found where the source is not there; refused for sockets and the like, and for a target in
/// the environment's prefix or above it.
Result<AddedLayer> read_added(const AddedPath& added, const std::string& prefix,
                              std::int64_t modified);

/// A digest that stands for the layer's bytes as long as nobody changed the files: by their sizes,
/// times and numbers on this disk.
std::string added_key(const AddedLayer& layer, std::string_view compression);

/// Large ones first, otherwise as given.
void order_layers(std::vector<AddedLayer>& layers);

/// Above it registries begin to fail (ECR Public stops at 10 GB), bytes.
inline constexpr std::uint64_t troublesome_layer = 8'000'000'000;

}  // namespace hpcenv::image
