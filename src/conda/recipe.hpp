// A recipe: an environment file with an `hpcenv:` section (design.md decision 10).
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "conda/environment_file.hpp"

namespace hpcenv::conda {

/// What has to be on the machine for an environment to be of use, or for a check to be possible.
enum class Needs { nothing, gpu };

/// One thing that shows whether an environment works: it passes where it exits with 0; 77 says
/// that it is not possible on this machine.
struct RecipeCheck {
  enum class Language { command, python };
  std::string name;
  Language language = Language::command;  ///< command: for /bin/sh; python: for the prefix's python
  std::string text;
  Needs needs = Needs::nothing;
  std::chrono::seconds timeout{300};
};

struct Recipe {
  std::string name;         ///< from the file name
  std::string title;        ///< a few words for `hpcenv recipes`
  std::string description;  ///< one line
  Needs needs = Needs::nothing;
  std::vector<RecipeCheck> checks;  ///< the smoke test; at least one
  EnvironmentFile environment;
};

/// "nothing" or "gpu".
const char* name_of(Needs needs);

/// `source` (a path, or "recipe NAME") stands in messages. Kind refused for a file that is no
/// environment file, or whose `hpcenv:` section lacks something, holds what nobody reads, or has
/// two checks of one name; bad_spec for a dependency that is none.
Result<Recipe> parse_recipe(std::string_view text, std::string_view name, std::string_view source,
                            const EnvironmentFileReading& reading = {});

}  // namespace hpcenv::conda
