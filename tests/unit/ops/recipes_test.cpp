#include "ops/recipes.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "ops/wishes.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::ops {
namespace {

using Texts = std::vector<std::string>;

std::string recipe_text(const std::string& title) {
  return "dependencies: [python]\nhpcenv: {title: " + title +
         ", description: d, tests: [{name: x, command: 'true'}]}\n";
}

/// A user with a configuration folder, at a site that has one.
struct Places {
  test::TemporaryDirectory folder;
  base::Environment environment;
  Places() {
    environment.set("HOME", folder / "home");
    environment.set("HPCENV_SITE", folder / "site");
  }
  void own(const std::string& name, const std::string& text) const {
    test::put_file(folder / "home/.config/hpcenv/recipes" / name, text);
  }
  void site(const std::string& name, const std::string& text) const {
    test::put_file(folder / "site/recipes" / name, text);
  }
  RecipeShelf shelf() const { return recipe_shelf(environment); }
};

Texts names_of(const RecipeList& list) {
  Texts names;
  for (const FoundRecipe& found : list.recipes) names.push_back(found.recipe.name);
  return names;
}

bool tests_with(const FoundRecipe& found, conda::Needs needs) {
  return std::ranges::find(found.recipe.checks, needs, &conda::RecipeCheck::needs) !=
         found.recipe.checks.end();
}

TEST_CASE("all recipes in the program can be read and test something without a GPU") {
  const auto list = all_recipes(RecipeShelf{});
  REQUIRE(list.has_value());
  CHECK(names_of(*list) == Texts{"cuda-dev", "jax", "jupyter", "mpi4py", "python", "pytorch", "r",
                                 "rapids", "tensorflow"});
  for (const FoundRecipe& found : list->recipes) {
    CAPTURE(found.recipe.name);
    CHECK(found.origin() == "built in");
    CHECK(found.recipe.environment.name == found.recipe.name);
    CHECK_FALSE(found.recipe.environment.channels.empty());
    CHECK(tests_with(found, conda::Needs::nothing));
    CHECK(tests_with(found, conda::Needs::gpu) >= (found.recipe.needs == conda::Needs::gpu));
  }
}

TEST_CASE("the folders are those of the settings") {
  Places places;
  const std::string home = (places.folder / "home").string();
  CHECK(places.shelf().directories ==
        std::vector<std::filesystem::path>{home + "/.config/hpcenv/recipes",
                                           places.folder / "site/recipes", "/etc/hpcenv/recipes"});
  places.environment.set("XDG_CONFIG_HOME", "/x");
  CHECK(places.shelf().directories.front() == "/x/hpcenv/recipes");
  CHECK(recipe_shelf(base::Environment{}).directories ==
        std::vector<std::filesystem::path>{"/etc/hpcenv/recipes"});
}

TEST_CASE("the user's recipe beats the site's, and that the program's") {
  const Places places;
  places.site("python.yml", recipe_text("site's"));
  CHECK(find_recipe("python", places.shelf())->recipe.title == "site's");
  places.own("python.yaml", recipe_text("mine"));
  const auto found = find_recipe("python", places.shelf());
  REQUIRE(found.has_value());
  CHECK(found->recipe.title == "mine");
  CHECK(found->origin() == (places.folder / "home/.config/hpcenv/recipes/python.yaml").string());
  const auto list = all_recipes(places.shelf());
  CHECK(names_of(*list).size() == 9);
  CHECK(list->recipes[4].recipe.title == "mine");
}

TEST_CASE("a broken file is said, and the others work") {
  const Places places;
  places.own("odd.yml", "dependencies: [python]\n");
  places.own("good.yml", recipe_text("good"));
  places.own(".hidden.yml", "[");
  places.own("notes.txt", "[");
  const auto list = all_recipes(places.shelf());
  REQUIRE(list.has_value());
  REQUIRE(list->broken.size() == 1);
  const std::string file = (places.folder / "home/.config/hpcenv/recipes/odd.yml").string();
  CHECK(list->broken[0].message == file + ": there is no section 'hpcenv'");
  CHECK(names_of(*list).size() == 10);
  const auto odd = find_recipe("odd", places.shelf());
  REQUIRE_FALSE(odd.has_value());
  CHECK(odd.error().kind == ErrorKind::refused);
  CHECK(odd.error().message == file + ": there is no section 'hpcenv'");
}

TEST_CASE("an unknown recipe gets the nearest names and the list") {
  const auto found = find_recipe("pytroch", RecipeShelf{});
  REQUIRE_FALSE(found.has_value());
  CHECK(found.error().kind == ErrorKind::not_found);
  CHECK(found.error().message == "there is no recipe 'pytroch'");
  REQUIRE(found.error().hints.size() == 3);
  CHECK(found.error().hints[0] == "did you mean: pytorch");
  CHECK(found.error().hints[1].starts_with("there are: cuda-dev, jax, "));
}

TEST_CASE("channels of several recipes keep their orders") {
  CHECK(merged_channels({}).empty());
  CHECK(merged_channels({{"a", "b"}, {"b", "c"}}) == Texts{"a", "b", "c"});
  CHECK(merged_channels({{"conda-forge"}, {"rapidsai", "conda-forge"}}) ==
        Texts{"rapidsai", "conda-forge"});
  CHECK(merged_channels({{"rapidsai", "conda-forge"}, {"conda-forge"}}) ==
        Texts{"rapidsai", "conda-forge"});
  CHECK(merged_channels({{"a"}, {"x", "y", "a", "z"}}) == Texts{"x", "y", "a", "z"});
  CHECK(merged_channels({{"a", "b"}, {"b", "a"}}) == Texts{"a", "b"});
}

WishInput wishing(const Texts& recipes) {
  WishInput input;
  input.recipes = recipes;
  input.rules.alias = "https://conda.anaconda.org";
  return input;
}

TEST_CASE("recipes and words beside them make one wish") {
  WishInput input = wishing({"jupyter", "rapids", "jupyter"});
  input.specs = {"pandas"};
  const auto wishes = gather_wishes(input);
  REQUIRE(wishes.has_value());
  CHECK(wishes->recipes == Texts{"jupyter", "rapids"});
  CHECK(wishes->gpu_recipe == "rapids");
  CHECK(wishes->name.empty());
  Texts specs;
  for (const conda::MatchSpec& spec : wishes->specs) specs.push_back(spec.text);
  CHECK(specs == Texts{"python", "pip", "jupyterlab", "cudf", "cuml", "rmm", "pandas"});
  Texts channels;
  for (const conda::Channel& channel : wishes->channels) channels.push_back(channel.name);
  CHECK(channels == Texts{"rapidsai", "conda-forge"});
  CHECK(gather_wishes(wishing({"python"}))->gpu_recipe.empty());
  CHECK(gather_wishes(wishing({"python", "nothing"})).error().kind == ErrorKind::not_found);
}

}  // namespace
}  // namespace hpcenv::ops
