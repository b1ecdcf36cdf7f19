// Recipes: those that are compiled in (recipes/*.yml), and those that a site or a user adds.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "conda/recipe.hpp"

namespace hpcenv::ops {

/// Where recipes come from, and what their files are read for.
struct RecipeShelf {
  std::vector<std::filesystem::path>
      directories;  ///< earlier ones win; what is compiled in is last
  conda::EnvironmentFileReading reading;
};

/// `recipes` below the user's configuration, $HPCENV_SITE and /etc/hpcenv, in this order.
RecipeShelf recipe_shelf(const base::Environment& environment, const std::string& subdir = "");

struct FoundRecipe {
  conda::Recipe recipe;
  std::filesystem::path file;  ///< empty: compiled in
  std::string text;            ///< of the file
  std::string origin() const { return file.empty() ? "built in" : file.string(); }
};

struct RecipeList {
  std::vector<FoundRecipe> recipes;  ///< by name
  std::vector<Error> broken;         ///< files that are no recipe; the others are listed
};

/// One of each name, and what cannot be read. A file that is compiled in and broken is a bug.
Result<RecipeList> all_recipes(const RecipeShelf& shelf);
/// Not_found with the nearest names and `hpcenv recipes`; refused where its file is broken.
Result<FoundRecipe> find_recipe(const std::string& name, const RecipeShelf& shelf);

}  // namespace hpcenv::ops
