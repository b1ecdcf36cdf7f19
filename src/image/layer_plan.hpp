// Which packages share a layer (docs/concepts/layers.md). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "conda/package_record.hpp"

namespace hpcenv::image {

/// What a layer is made of; `name_of` is what its annotation `org.hpcenv.content` says.
enum class LayerContent { base, package, packages, metadata, files };
const char* name_of(LayerContent content);

/// Engines stop at 125 to 128 layers, the base's counted (facts: docker 125, podman 128).
inline constexpr std::size_t engine_layers = 125;
inline constexpr std::size_t most_layers = 100;
/// Of layers that are one package each.
inline constexpr std::size_t most_own_layers = 40;
/// An archive larger than this is worth a layer of its own, bytes.
inline constexpr std::uint64_t own_layer_size = 10'000'000;

/// Packages of one layer, as indices into the records, ascending.
using PackageGroup = std::vector<std::size_t>;

/// How many layers the small packages share at most.
inline constexpr std::size_t most_shared_layers = 8;

/// Large packages one each, the largest first (by size of the archive, then by name), so that two
/// environments which share a build share its layer. The others are dealt out by their names,
/// those that need Python apart, so that one which changes touches one layer. `budget` is how many
/// layers there may be, at least 1.
std::vector<PackageGroup> group_packages(std::span<const conda::PackageRecord> records,
                                         std::size_t budget);

/// What decides the bytes of a layer of packages beside the files in them.
struct LayerRules {
  std::string prefix;
  std::string compression;
  bool is_slim = false;
  std::int64_t newest = 0;  ///< no file is dated later (SOURCE_DATE_EPOCH); 0: as they are
  const conda::PackageRecord* python = nullptr;  ///< the environment's; none: there is none
  bool has_bytecode = true;                      ///< python runs here, and compiles
};

/// A digest that stands for the bytes of such a layer: equal keys, equal layers. `lost` are paths
/// of the group that other packages have taken.
std::string layer_key(std::span<const conda::PackageRecord> records, const PackageGroup& group,
                      const LayerRules& rules, std::span<const std::string> lost);

}  // namespace hpcenv::image
