#include "conda/recipe.hpp"

#include "base/json.hpp"
#include "base/yaml.hpp"

namespace hpcenv::conda {

Result<Recipe> parse_recipe(std::string_view text, std::string_view name) {
  const std::string source = fmt::format("recipe {}", name);
  std::vector<std::string> warnings;
  Recipe recipe;
  recipe.name = name;
  HPCENV_ASSIGN(recipe.environment, parse_environment_file(text, source, warnings));
  if (!warnings.empty()) return fail(ErrorKind::refused, "{}", warnings.front());
  HPCENV_ASSIGN(const base::Json document, base::parse_yaml(text, source));
  const auto section = document.find("hpcenv");
  if (section == document.end() || !section->is_object()) {
    return fail(ErrorKind::refused, "{}: there is no section 'hpcenv'", source);
  }
  HPCENV_ASSIGN(recipe.title, base::require_string(*section, "title", source));
  HPCENV_ASSIGN(recipe.smoke_test, base::require_string(*section, "test", source));
  return recipe;
}

}  // namespace hpcenv::conda
