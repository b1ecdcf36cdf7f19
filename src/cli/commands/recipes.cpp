// hpcenv recipes
#include "ops/recipes.hpp"

#include <array>

#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/session.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array examples{"hpcenv recipes", "hpcenv create -n work --recipe python numpy"};

Result<int> run(const Arguments& /*arguments*/, Session& session) {
  HPCENV_ASSIGN(const std::vector<conda::Recipe> recipes, ops::all_recipes());
  base::Json list = base::Json::array();
  std::vector<std::vector<std::string>> rows{{"Recipe", "What it gives", "Packages"}};
  for (const conda::Recipe& recipe : recipes) {
    base::Json value;
    value["name"] = recipe.name;
    value["title"] = recipe.title;
    value["channels"] = recipe.environment.channels;
    value["dependencies"] = recipe.environment.dependencies;
    list.push_back(std::move(value));
    rows.push_back({recipe.name, recipe.title, base::join(recipe.environment.dependencies, " ")});
  }
  if (session.output().json()) {
    base::Json body;
    body["recipes"] = std::move(list);
    session.output().print_json(body, true);
  } else {
    session.output().print(table_text(rows));
  }
  return 0;
}

}  // namespace

constexpr CommandSpec recipes_command{
    .name = "recipes",
    .summary = "list the environments that one can start from",
    .synopsis = "",
    .details = "",
    .operands = CommandSpec::Operands::none,
    .options = {},
    .examples = examples,
    .run = run,
};
static_assert(well_formed(recipes_command));

}  // namespace hpcenv::cli
