// The top layer of an environment: conda-meta, what scripts wrote, bills of materials. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "image/package_entries.hpp"
#include "image/sbom.hpp"
#include "prefix/plan.hpp"

namespace hpcenv::image {

struct Metadata {
  ImageTree tree;
  const prefix::Plan& plan;                  ///< its `link` are the tree's packages
  std::map<std::string, std::string> noted;  ///< digests of files, from the layers
  std::vector<LayerEntry> written;           ///< files that no package brought
  std::string name;                          ///< of the environment
  std::string reference;                     ///< of the image; may be empty
  std::int64_t created = 0;                  ///< seconds since the epoch
  std::string tool;                          ///< "hpcenv 1.0"
};

/// Complete. Everything generated is dated `created`, and nothing of the machine is in it.
std::vector<LayerEntry> metadata_entries(const Metadata& metadata);

SbomInput sbom_input(const std::string& name, const std::string& reference, std::int64_t created,
                     std::span<const conda::PackageRecord> packages, const std::string& tool);

/// A digest of the exact packages, whatever their order.
std::string lock_digest(std::span<const conda::PackageRecord> packages);

}  // namespace hpcenv::image
