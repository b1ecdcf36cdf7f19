// A recipe: an environment file with an `hpcenv:` section (design.md decision 10).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "conda/environment_file.hpp"

namespace hpcenv::conda {

struct Recipe {
  std::string name;        ///< from the file name
  std::string title;       ///< one line for `hpcenv recipes`
  std::string smoke_test;  ///< a shell command that shows it works
  EnvironmentFile environment;
};

Result<Recipe> parse_recipe(std::string_view text, std::string_view name);

}  // namespace hpcenv::conda
