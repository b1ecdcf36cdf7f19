// A page of the reference for each recipe, made from its file.
#pragma once

#include <string>
#include <vector>

#include "ops/recipes.hpp"

namespace hpcenv::cli {

/// docs/reference/recipes/NAME.md
std::string recipe_page(const ops::FoundRecipe& found);
/// docs/reference/recipes/README.md: the list, and what there is to know of all of them.
std::string recipe_list_page(const std::vector<ops::FoundRecipe>& recipes);

}  // namespace hpcenv::cli
