#include "ops/recipes.hpp"

#include <filesystem>

#include "base/embedded.hpp"
#include "base/text.hpp"

extern "C" const hpcenv::base::EmbeddedTable* hpcenv_embedded_recipes();

namespace hpcenv::ops {

Result<std::vector<conda::Recipe>> all_recipes() {
  const base::EmbeddedTable& table = *hpcenv_embedded_recipes();
  std::vector<conda::Recipe> recipes;
  for (const std::string& file : base::embedded_names(table)) {
    const std::string name = std::filesystem::path(file).stem().string();
    auto recipe = conda::parse_recipe(base::embedded_file(table, file).value_or(""), name);
    if (!recipe) {
      recipe.error().kind = ErrorKind::bug;
      return Failure(std::move(recipe).error());
    }
    recipes.push_back(std::move(*recipe));
  }
  return recipes;
}

Result<conda::Recipe> find_recipe(const std::string& name) {
  HPCENV_ASSIGN(const std::vector<conda::Recipe> recipes, all_recipes());
  std::vector<std::string> names;
  for (const conda::Recipe& recipe : recipes) {
    if (recipe.name == name) {
      return recipe;
    }
    names.push_back(recipe.name);
  }
  Error error{ErrorKind::not_found, fmt::format("there is no recipe '{}'", name), {}, {}};
  if (auto nearest = base::nearest_words(name, names, 3); !nearest.empty()) {
    error.hints.push_back("did you mean: " + base::join(nearest, ", "));
  }
  error.hints.emplace_back("list all recipes with: hpcenv recipes");
  return Failure(std::move(error));
}

}  // namespace hpcenv::ops
