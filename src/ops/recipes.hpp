// The recipes that are compiled in (recipes/*.yml).
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "conda/recipe.hpp"

namespace hpcenv::ops {

/// All recipes by name. An embedded file that cannot be read is a bug.
Result<std::vector<conda::Recipe>> all_recipes();
/// Not_found with the nearest names and `hpcenv recipes`.
Result<conda::Recipe> find_recipe(const std::string& name);

}  // namespace hpcenv::ops
