// Packages that an @EXPLICIT file names: nothing is chosen, nothing is solved (CEP 23).
#pragma once

#include <vector>

#include "ops/change.hpp"
#include "packages/package_cache.hpp"
#include "prefix/state.hpp"

namespace hpcenv::ops {

/// The plan that links the packages of `request.wishes.packages` and unlinks what has their names.
/// Their records hold what their urls say. Noted as asked for is each name alone, where no earlier
/// wish is met: a later `update` may change all of them. `installed_subdir` is the platform of what
/// is there, empty where nothing is. Kind refused: a package for another platform, two of one name;
/// another minor of python under packages that stay. Usage: beside --on.
Result<ChangeDecision> decide_explicit(const ChangeRequest& request,
                                       const prefix::PrefixState& state,
                                       const std::string& installed_subdir);

/// Once unpacked they are described whole, and stand in an order in which they can be linked; plan
/// and packages alike.
Result<> settle_explicit(ChangeDecision& decision, std::vector<conda::UnpackedPackage>& unpacked,
                         const packages::PackageCache& cache);

}  // namespace hpcenv::ops
