#include "conda/recipe.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "base/json.hpp"
#include "base/text.hpp"
#include "base/yaml.hpp"

namespace hpcenv::conda {

namespace {

constexpr auto recipe_keys =
    std::to_array<std::string_view>({"title", "description", "needs", "tests"});
constexpr auto check_keys =
    std::to_array<std::string_view>({"name", "command", "python", "needs", "timeout"});

Result<> require_known(const base::Json& object, std::span<const std::string_view> known,
                       const std::string& source) {
  for (const auto& [key, value] : object.items()) {
    if (std::ranges::find(known, key) != known.end()) continue;
    std::vector<std::string> words(known.begin(), known.end());
    return fail_hint(ErrorKind::refused, fmt::format("{}: the key '{}' is not known", source, key),
                     fmt::format("the keys there are: {}", base::join(words, ", ")));
  }
  return {};
}

Result<std::string> one_line(const base::Json& object, std::string_view key,
                             const std::string& source) {
  HPCENV_ASSIGN(const std::string text, base::require_string(object, key, source));
  const std::string_view line = base::trim(text);
  if (line.empty() || line.find('\n') != std::string_view::npos) {
    return fail(ErrorKind::refused, "{}: '{}' has to be one line", source, key);
  }
  return std::string(line);
}

Result<Needs> needs_of(const base::Json& object, const std::string& source) {
  if (!object.contains("needs")) return Needs::nothing;
  HPCENV_ASSIGN(const std::string text, base::require_string(object, "needs", source));
  if (text == "gpu") return Needs::gpu;
  if (text == "nothing") return Needs::nothing;
  return fail(ErrorKind::refused, "{}: 'needs' is gpu or nothing, not '{}'", source, text);
}

Result<std::chrono::seconds> timeout_of(const base::Json& object, const std::string& source) {
  if (!object.contains("timeout")) return RecipeCheck{}.timeout;
  HPCENV_ASSIGN(const std::string text, base::require_string(object, "timeout", source));
  const auto seconds = base::parse_unsigned(text);
  if (!seconds || *seconds == 0 || *seconds > 86'400) {
    return fail(ErrorKind::refused, "{}: 'timeout' is a number of seconds, not '{}'", source, text);
  }
  return std::chrono::seconds(*seconds);
}

Result<RecipeCheck> check_of(const base::Json& item, const std::string& source) {
  if (!item.is_object()) {
    return fail_hint(ErrorKind::refused, fmt::format("{}: a line of 'tests' is no map", source),
                     "write `- name: WORD` and below it `command:` or `python:`");
  }
  RecipeCheck check;
  HPCENV_ASSIGN(check.name, one_line(item, "name", source + ": a test"));
  const std::string where = fmt::format("{}: test '{}'", source, check.name);
  HPCENV_TRY(require_known(item, check_keys, where));
  if (item.contains("command") == item.contains("python")) {
    return fail(ErrorKind::refused, "{} has to have one of 'command' and 'python'", where);
  }
  const bool is_python = item.contains("python");
  check.language = is_python ? RecipeCheck::Language::python : RecipeCheck::Language::command;
  HPCENV_ASSIGN(check.text, base::require_string(item, is_python ? "python" : "command", where));
  HPCENV_ASSIGN(check.needs, needs_of(item, where));
  HPCENV_ASSIGN(check.timeout, timeout_of(item, where));
  return check;
}

Result<std::vector<RecipeCheck>> checks_of(const base::Json& section, const std::string& source) {
  const auto list = section.find("tests");
  if (list == section.end() || !list->is_array() || list->empty()) {
    return fail(ErrorKind::refused, "{}: the section 'hpcenv' has no list 'tests'", source);
  }
  std::vector<RecipeCheck> checks;
  for (const base::Json& item : *list) {
    HPCENV_ASSIGN(RecipeCheck check, check_of(item, source));
    if (std::ranges::find(checks, check.name, &RecipeCheck::name) != checks.end()) {
      return fail(ErrorKind::refused, "{}: two tests have the name '{}'", source, check.name);
    }
    checks.push_back(std::move(check));
  }
  return checks;
}

}  // namespace

const char* name_of(Needs needs) { return needs == Needs::gpu ? "gpu" : "nothing"; }

Result<Recipe> parse_recipe(std::string_view text, std::string_view name, std::string_view source,
                            const EnvironmentFileReading& reading) {
  const std::string where(source);
  std::vector<std::string> warnings;
  Recipe recipe;
  recipe.name = name;
  HPCENV_ASSIGN(recipe.environment, parse_environment_file(text, source, reading, warnings));
  if (!warnings.empty()) return fail(ErrorKind::refused, "{}", warnings.front());
  HPCENV_ASSIGN(const base::Json document, base::parse_yaml(text, source));
  const auto section = document.find("hpcenv");
  if (section == document.end() || !section->is_object()) {
    return fail(ErrorKind::refused, "{}: there is no section 'hpcenv'", source);
  }
  HPCENV_TRY(require_known(*section, recipe_keys, where));
  HPCENV_ASSIGN(recipe.title, one_line(*section, "title", where));
  HPCENV_ASSIGN(recipe.description, one_line(*section, "description", where));
  HPCENV_ASSIGN(recipe.needs, needs_of(*section, where));
  HPCENV_ASSIGN(recipe.checks, checks_of(*section, where));
  return recipe;
}

}  // namespace hpcenv::conda
