// An order in which packages can be installed one after the other.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "conda/package_record.hpp"

namespace hpcenv::conda {

/// Positions of `records`: what a package depends on comes before it; otherwise by name. Cycles are
/// broken the same way each time.
std::vector<std::size_t> install_order(std::span<const PackageRecord* const> records);

}  // namespace hpcenv::conda
