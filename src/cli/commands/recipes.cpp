// hpcenv recipes
#include "ops/recipes.hpp"

#include <array>

#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/recipe_page.hpp"
#include "cli/session.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"--markdown", "", "print a page of the reference", OptionSpec::Kind::flag},
};

constexpr std::array examples{"hpcenv recipes", "hpcenv recipes pytorch",
                              "hpcenv create -n work --recipe python numpy"};

base::Json to_json(const conda::RecipeCheck& check) {
  base::Json value;
  value["name"] = check.name;
  value["needs"] = name_of(check.needs);
  value[check.language == conda::RecipeCheck::Language::python ? "python" : "command"] = check.text;
  value["timeout_seconds"] = check.timeout.count();
  return value;
}

base::Json to_json(const ops::FoundRecipe& found) {
  const conda::Recipe& recipe = found.recipe;
  base::Json value;
  value["name"] = recipe.name;
  value["title"] = recipe.title;
  value["description"] = recipe.description;
  value["needs"] = name_of(recipe.needs);
  value["origin"] = found.origin();
  value["channels"] = recipe.environment.channels;
  value["dependencies"] = recipe.environment.dependencies;
  value["tests"] = base::Json::array();
  for (const conda::RecipeCheck& check : recipe.checks) value["tests"].push_back(to_json(check));
  return value;
}

std::string list_text(const std::vector<ops::FoundRecipe>& recipes) {
  std::vector<std::vector<std::string>> rows{{"Recipe", "What it gives", "Needs", "From"}};
  for (const ops::FoundRecipe& found : recipes) {
    const conda::Recipe& recipe = found.recipe;
    rows.push_back({recipe.name, recipe.title, recipe.needs == conda::Needs::gpu ? "a GPU" : "",
                    found.origin()});
  }
  return table_text(rows);
}

std::string details_text(const ops::FoundRecipe& found) {
  const conda::Recipe& recipe = found.recipe;
  std::vector<std::string> checks;
  checks.reserve(recipe.checks.size());
  for (const conda::RecipeCheck& check : recipe.checks) {
    checks.push_back(check.name + (check.needs == conda::Needs::gpu ? " (needs a GPU)" : ""));
  }
  const std::vector<std::vector<std::string>> rows{
      {recipe.name, recipe.title},
      {"", recipe.description},
      {"needs", recipe.needs == conda::Needs::gpu ? "a GPU" : "no GPU"},
      {"from", found.origin()},
      {"channels", base::join(recipe.environment.channels, ", ")},
      {"packages", base::join(recipe.environment.dependencies, ", ")},
      {"smoke test", base::join(checks, ", ")},
  };
  return table_text(rows);
}

void print_json(const ops::RecipeList& list, const Output& output) {
  base::Json body;
  body["recipes"] = base::Json::array();
  for (const ops::FoundRecipe& found : list.recipes) body["recipes"].push_back(to_json(found));
  body["broken"] = base::Json::array();
  for (const Error& error : list.broken) body["broken"].push_back(error.message);
  output.print_json(body, true);
}

Result<ops::RecipeList> named(const std::vector<std::string>& names,
                              const ops::RecipeShelf& shelf) {
  ops::RecipeList list;
  for (const std::string& name : names) {
    HPCENV_ASSIGN(ops::FoundRecipe found, ops::find_recipe(name, shelf));
    list.recipes.push_back(std::move(found));
  }
  return list;
}

Result<int> run(const Arguments& arguments, Session& session) {
  const ops::RecipeShelf shelf =
      ops::recipe_shelf(session.environment(), session.settings().value("subdir"));
  const bool is_list = arguments.operands().empty();
  HPCENV_ASSIGN(const ops::RecipeList list,
                is_list ? ops::all_recipes(shelf) : named(arguments.operands(), shelf));
  for (const Error& error : list.broken) session.reporter().warning(error.message);
  const Output& output = session.output();
  if (output.json()) {
    print_json(list, output);
    return 0;
  }
  const bool is_page = arguments.has("markdown");
  if (is_list) {
    output.print(is_page ? recipe_list_page(list.recipes) : list_text(list.recipes));
    return 0;
  }
  for (const ops::FoundRecipe& found : list.recipes) {
    output.print(is_page ? recipe_page(found) : details_text(found));
  }
  return 0;
}

}  // namespace

constexpr CommandSpec recipes_command{
    .name = "recipes",
    .summary = "list the environments that one can start from, or show some",
    .synopsis = "[NAME...]",
    .details =
        "Recipes are environment files. Beside those of the program, files NAME.yml count in\n"
        "~/.config/hpcenv/recipes, $HPCENV_SITE/recipes and /etc/hpcenv/recipes: the first of "
        "these\n"
        "that has the name wins, and the program's own come last.",
    .operands = CommandSpec::Operands::some,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(recipes_command));

}  // namespace hpcenv::cli
