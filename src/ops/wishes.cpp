#include "ops/wishes.hpp"

#include <algorithm>
#include <filesystem>
#include <ranges>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "conda/environment_file.hpp"
#include "ops/recipes.hpp"

namespace hpcenv::ops {
namespace {

Result<> add_specs(Wishes& wishes, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    HPCENV_ASSIGN(conda::MatchSpec spec, conda::MatchSpec::parse(text));
    wishes.specs.push_back(std::move(spec));
  }
  return {};
}

Result<> add_channels(Wishes& wishes, const std::vector<std::string>& texts,
                      const WishInput& input) {
  for (const std::string& text : texts) {
    HPCENV_ASSIGN(std::vector<conda::Channel> expanded, conda::expand_channel(text, input.rules));
    for (conda::Channel& channel : expanded) {
      const auto same = [&](const conda::Channel& other) {
        return other.base_url == channel.base_url;
      };
      if (std::ranges::none_of(wishes.channels, same)) {
        wishes.channels.push_back(std::move(channel));
      }
    }
  }
  return {};
}

Result<> add_file_specs(Wishes& wishes, const std::vector<std::string>& texts) {
  wishes.file_specs.insert(wishes.file_specs.end(), texts.begin(), texts.end());
  return add_specs(wishes, texts);
}

/// What hpcenv cannot install yet is refused, or left out where that is asked for, and then said.
Result<> check_pip(Wishes& wishes, const conda::EnvironmentFile& file, const std::string& source,
                   WishInput::Pip pip) {
  if (file.pip.empty()) {
    return {};
  }
  const std::string later =
      fmt::format("hpcenv run -n NAME python -m pip install {}", base::join(file.pip, " "));
  if (pip == WishInput::Pip::leave_out) {
    wishes.warnings.push_back(
        fmt::format("the `pip:` section of {} is left out; afterwards: {}", source, later));
    return {};
  }
  return fail_hint(
      ErrorKind::refused,
      fmt::format("{} has a `pip:` section, which hpcenv does not install yet", source),
      "pass --no-pip to leave it out, and afterwards: " + later);
}

Result<> add_environment(Wishes& wishes, const conda::EnvironmentFile& file,
                         const std::string& source, const WishInput& input) {
  HPCENV_TRY(check_pip(wishes, file, source, input.pip));
  std::vector<std::string> specs = file.dependencies;
  std::erase_if(specs, [&](const std::string& spec) { return wishes.is_from_file(spec); });
  HPCENV_TRY(add_file_specs(wishes, specs));
  wishes.variables.insert(wishes.variables.end(), file.variables.begin(), file.variables.end());
  wishes.platforms.insert(wishes.platforms.end(), file.platforms.begin(), file.platforms.end());
  if (wishes.name.empty()) {
    wishes.name = file.name;
  }
  return {};
}

bool is_yaml(const std::string& path) { return path.ends_with(".yml") || path.ends_with(".yaml"); }

Result<> add_spec_file(Wishes& wishes, std::string_view text, const std::string& name,
                       const WishInput& input) {
  HPCENV_ASSIGN(
      const conda::SpecFile file,
      conda::parse_spec_file(text, name, {input.environment, input.rules.working_directory}));
  wishes.warnings.insert(wishes.warnings.end(), file.warnings.begin(), file.warnings.end());
  wishes.packages.insert(wishes.packages.end(), file.packages.begin(), file.packages.end());
  return add_file_specs(wishes, file.specs);
}

Result<> add_file(Wishes& wishes, const std::string& name, const WishInput& input) {
  const std::filesystem::path path = std::filesystem::path(input.rules.working_directory) / name;
  auto text = base::read_file(path);
  if (!text) {
    return Failure(with_hint(std::move(text).error(), "give the path of an environment.yml to -f"));
  }
  if (!is_yaml(name)) {
    return add_spec_file(wishes, *text, name, input);
  }
  conda::EnvironmentFileReading reading;
  reading.environment = input.environment;
  if (!input.subdir.empty()) {
    reading.subdir = input.subdir;
  }
  HPCENV_ASSIGN(const conda::EnvironmentFile file,
                conda::parse_environment_file(*text, name, reading, wishes.warnings));
  HPCENV_TRY(add_environment(wishes, file, name, input));
  wishes.no_defaults = wishes.no_defaults || file.no_defaults;
  if (input.override_channels == WishInput::OverrideChannels::no) {
    HPCENV_TRY(add_channels(wishes, file.channels, input));
  }
  return {};
}

/// Gives the recipes' channels.
Result<std::vector<std::string>> add_recipes(Wishes& wishes, const WishInput& input) {
  const RecipeShelf shelf = recipe_shelf(input.environment, input.subdir);
  std::vector<std::vector<std::string>> channels;
  for (const std::string& name : input.recipes) {
    if (std::ranges::find(wishes.recipes, name) != wishes.recipes.end()) continue;
    HPCENV_ASSIGN(const FoundRecipe found, find_recipe(name, shelf));
    const conda::Recipe& recipe = found.recipe;
    HPCENV_TRY(add_environment(wishes, recipe.environment, "recipe " + name, input));
    wishes.no_defaults = wishes.no_defaults || recipe.environment.no_defaults;
    channels.push_back(recipe.environment.channels);
    wishes.recipes.push_back(name);
    if (recipe.needs == conda::Needs::gpu && wishes.gpu_recipe.empty()) wishes.gpu_recipe = name;
  }
  wishes.name.clear();
  return merged_channels(channels);
}

}  // namespace

std::vector<std::string> merged_channels(const std::vector<std::vector<std::string>>& lists) {
  std::vector<std::string> merged;
  for (const std::vector<std::string>& list : lists) {
    // From the back, so that each finds the one behind it in its place.
    auto behind = merged.size();
    for (const std::string& channel : std::views::reverse(list)) {
      const auto known = std::ranges::find(merged, channel);
      if (known == merged.end()) {
        merged.insert(merged.begin() + static_cast<std::ptrdiff_t>(behind), channel);
      } else {
        behind = static_cast<std::size_t>(known - merged.begin());
      }
    }
  }
  return merged;
}

bool Wishes::is_from_file(const std::string& text) const {
  return std::ranges::find(file_specs, text) != file_specs.end();
}

Result<Wishes> wishes_for(const std::vector<std::string>& specs) {
  Wishes wishes;
  HPCENV_TRY(add_specs(wishes, specs));
  return wishes;
}

Result<> require_platform(const Wishes& wishes, const std::string& subdir) {
  const auto& platforms = wishes.platforms;
  if (platforms.empty() || std::ranges::find(platforms, subdir) != platforms.end()) {
    return {};
  }
  return fail_hint(
      ErrorKind::refused,
      fmt::format("the file is for {}, not for {}", base::join(platforms, ", "), subdir),
      "add the platform to its `platforms:`, or choose one with --platform");
}

Result<Wishes> gather_wishes(const WishInput& input) {
  Wishes wishes;
  HPCENV_TRY(add_channels(wishes, input.channels, input));
  std::vector<std::string> recipe_channels;
  if (!input.recipes.empty()) {
    HPCENV_ASSIGN(recipe_channels, add_recipes(wishes, input));
  }
  for (const std::string& file : input.files) {
    HPCENV_TRY(add_file(wishes, file, input));
  }
  if (input.override_channels == WishInput::OverrideChannels::no) {
    HPCENV_TRY(add_channels(wishes, recipe_channels, input));
    if (!wishes.no_defaults) {
      HPCENV_TRY(add_channels(wishes, input.default_channels, input));
    }
  }
  HPCENV_TRY(add_specs(wishes, input.specs));
  if (!wishes.packages.empty() && !wishes.specs.empty()) {
    return fail_hint(ErrorKind::usage, "an @EXPLICIT file names all packages: no specs go with it",
                     "install them afterwards: hpcenv install -n NAME SPEC");
  }
  if (wishes.channels.empty() && wishes.packages.empty()) {
    return fail_hint(ErrorKind::usage, "no channel is left to take packages from",
                     "name one with -c CHANNEL, or leave --override-channels out");
  }
  return wishes;
}

}  // namespace hpcenv::ops
