#include "ops/recipes.hpp"

#include <algorithm>
#include <map>

#include "base/embedded.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "host/configuration_folders.hpp"

extern "C" const hpcenv::base::EmbeddedTable* hpcenv_embedded_recipes();

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;

/// Name to file; an empty path is one that is compiled in.
using Places = std::map<std::string, fs::path>;

bool is_recipe_file(const fs::path& file) {
  const std::string name = file.filename().string();
  return !name.starts_with('.') && (file.extension() == ".yml" || file.extension() == ".yaml");
}

Places places_of(const RecipeShelf& shelf) {
  Places places;
  for (const fs::path& directory : shelf.directories) {
    const auto names = base::list_directory(directory);
    if (!names.has_value()) continue;
    for (const std::string& name : *names) {
      const fs::path file = directory / name;
      if (is_recipe_file(file)) places.emplace(file.stem().string(), file);
    }
  }
  for (const std::string& name : base::embedded_names(*hpcenv_embedded_recipes())) {
    places.emplace(fs::path(name).stem().string(), fs::path());
  }
  return places;
}

Result<FoundRecipe> read_recipe(const std::string& name, const fs::path& file,
                                const RecipeShelf& shelf) {
  FoundRecipe found;
  found.file = file;
  if (file.empty()) {
    found.text =
        base::embedded_file(*hpcenv_embedded_recipes(), fmt::format("recipes/{}.yml", name))
            .value_or("");
  } else {
    HPCENV_ASSIGN(found.text, base::read_file(file));
  }
  const std::string source = file.empty() ? "recipe " + name : file.string();
  auto recipe = conda::parse_recipe(found.text, name, source, shelf.reading);
  if (!recipe.has_value()) {
    if (file.empty()) recipe.error().kind = ErrorKind::bug;
    return Failure(std::move(recipe).error());
  }
  found.recipe = std::move(*recipe);
  return found;
}

}  // namespace

RecipeShelf recipe_shelf(const base::Environment& environment, const std::string& subdir) {
  RecipeShelf shelf;
  shelf.directories = host::configuration_folders(environment);
  for (fs::path& directory : shelf.directories) directory /= "recipes";
  if (!subdir.empty()) shelf.reading.subdir = subdir;
  shelf.reading.environment = environment;
  return shelf;
}

Result<RecipeList> all_recipes(const RecipeShelf& shelf) {
  RecipeList list;
  for (const auto& [name, file] : places_of(shelf)) {
    auto recipe = read_recipe(name, file, shelf);
    if (recipe.has_value()) {
      list.recipes.push_back(std::move(*recipe));
    } else if (file.empty()) {
      return Failure(std::move(recipe).error());
    } else {
      list.broken.push_back(std::move(recipe).error());
    }
  }
  return list;
}

Result<FoundRecipe> find_recipe(const std::string& name, const RecipeShelf& shelf) {
  const Places places = places_of(shelf);
  if (const auto found = places.find(name); found != places.end()) {
    return read_recipe(name, found->second, shelf);
  }
  std::vector<std::string> names;
  for (const auto& [known, file] : places) names.push_back(known);
  Error error{ErrorKind::not_found, fmt::format("there is no recipe '{}'", name), {}, {}};
  if (auto nearest = base::nearest_words(name, names, 3); !nearest.empty()) {
    error.hints.push_back("did you mean: " + base::join(nearest, ", "));
  }
  error.hints.push_back(fmt::format("there are: {}", base::join(names, ", ")));
  error.hints.emplace_back("what each gives: hpcenv recipes");
  return Failure(std::move(error));
}

}  // namespace hpcenv::ops
