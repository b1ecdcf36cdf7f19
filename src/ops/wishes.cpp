#include "ops/wishes.hpp"

#include <algorithm>
#include <filesystem>

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
    wishes.spec_texts.push_back(text);
  }
  return {};
}

Result<> add_channels(Wishes& wishes, const std::vector<std::string>& texts,
                      const WishInput& input) {
  for (const std::string& text : texts) {
    HPCENV_ASSIGN(
        conda::Channel channel,
        conda::parse_channel(text, input.channel_alias, input.working_directory, input.home));
    const auto same = [&](const conda::Channel& other) {
      return other.base_url == channel.base_url;
    };
    if (std::ranges::none_of(wishes.channels, same)) {
      wishes.channels.push_back(std::move(channel));
    }
  }
  return {};
}

Result<> add_environment(Wishes& wishes, const conda::EnvironmentFile& file,
                         const std::string& source) {
  if (!file.pip.empty()) {
    return fail_hint(
        ErrorKind::refused,
        fmt::format("{} has a `pip:` section, which hpcenv does not install yet", source),
        "take the section out, create the environment, then: hpcenv run -n NAME pip install ...");
  }
  HPCENV_TRY(add_specs(wishes, file.dependencies));
  wishes.variables.insert(wishes.variables.end(), file.variables.begin(), file.variables.end());
  if (wishes.name.empty()) {
    wishes.name = file.name;
  }
  return {};
}

Result<conda::EnvironmentFile> read_environment_file(const WishInput& input,
                                                     std::vector<std::string>& warnings) {
  std::filesystem::path path = input.environment_file;
  if (path.is_relative()) {
    path = std::filesystem::path(input.working_directory) / path;
  }
  auto text = base::read_file(path);
  if (!text) {
    return Failure(with_hint(std::move(text).error(), "give the path of an environment.yml to -f"));
  }
  return conda::parse_environment_file(*text, input.environment_file, warnings);
}

}  // namespace

Result<Wishes> gather_wishes(const WishInput& input) {
  Wishes wishes;
  HPCENV_TRY(add_channels(wishes, input.channels, input));
  std::vector<std::string> recipe_channels;
  if (!input.recipe.empty()) {
    HPCENV_ASSIGN(const conda::Recipe recipe, find_recipe(input.recipe));
    HPCENV_TRY(add_environment(wishes, recipe.environment, "recipe " + recipe.name));
    wishes.name.clear();
    recipe_channels = recipe.environment.channels;
  }
  if (!input.environment_file.empty()) {
    HPCENV_ASSIGN(const conda::EnvironmentFile file, read_environment_file(input, wishes.warnings));
    HPCENV_TRY(add_environment(wishes, file, input.environment_file));
    if (input.override_channels == WishInput::OverrideChannels::no) {
      HPCENV_TRY(add_channels(wishes, file.channels, input));
    }
  }
  if (input.override_channels == WishInput::OverrideChannels::no) {
    HPCENV_TRY(add_channels(wishes, recipe_channels, input));
    HPCENV_TRY(add_channels(wishes, input.default_channels, input));
  }
  HPCENV_TRY(add_specs(wishes, input.specs));
  if (wishes.channels.empty()) {
    return fail_hint(ErrorKind::usage, "no channel is left to take packages from",
                     "name one with -c CHANNEL, or leave --override-channels out");
  }
  return wishes;
}

}  // namespace hpcenv::ops
