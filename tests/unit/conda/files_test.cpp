#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "conda/channel.hpp"
#include "conda/condarc.hpp"
#include "conda/environment_file.hpp"
#include "conda/platform.hpp"
#include "conda/recipe.hpp"

namespace hpcenv::conda {
namespace {

using Texts = std::vector<std::string>;

Channel channel(std::string_view text) {
  return parse_channel(text, default_channel_alias, "/work dir", "/home/u").value();
}

EnvironmentFile environment(std::string_view text) {
  std::vector<std::string> warnings;
  auto file = parse_environment_file(text, "env.yml", warnings);
  if (!file.has_value()) FAIL(file.error().message);
  CHECK(warnings.empty());
  return std::move(file).value();
}

Error refused(std::string_view text) {
  std::vector<std::string> warnings;
  INFO(text);
  auto file = parse_environment_file(text, "env.yml", warnings);
  REQUIRE_FALSE(file.has_value());
  CHECK(file.error().kind == ErrorKind::refused);
  CHECK(file.error().message.starts_with("env.yml"));
  return file.error();
}

TEST_CASE("channels are names, urls and paths") {
  CHECK(channel("conda-forge").base_url == "https://conda.anaconda.org/conda-forge");
  CHECK(channel("conda-forge/label/rc").base_url ==
        "https://conda.anaconda.org/conda-forge/label/rc");
  CHECK(channel("conda-forge/linux-64").base_url == "https://conda.anaconda.org/conda-forge");
  CHECK(channel("https://h:8080/a/b/").base_url == "https://h:8080/a/b");
  CHECK(channel("https://h/a/noarch").base_url == "https://h/a");
  CHECK(channel("/a/../b/").base_url == "file:///b");
  CHECK(channel("./c").base_url == "file:///work%20dir/c");
  CHECK(channel("~/c").base_url == "file:///home/u/c");
  CHECK(channel("file:///c").base_url == "file:///c");
  CHECK(channel("defaults").base_url == "https://repo.anaconda.com/pkgs/main");
  CHECK(channel("pkgs/r").base_url == "https://repo.anaconda.com/pkgs/r");
  CHECK(channel("conda-forge").url_of("noarch", "f") ==
        "https://conda.anaconda.org/conda-forge/noarch/f");
  for (const char* bad : {"", "a b", "http://", "a?b", ".hidden"}) {
    INFO(bad);
    const auto parsed = parse_channel(bad, default_channel_alias, "/", "/");
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().kind == ErrorKind::usage);
  }
}

TEST_CASE("what stands before :: is a name, a url, or the end of a url") {
  const Channel named = channel("conda-forge");
  const Channel mirror = channel("https://u:p@mirror/t/tk-1/conda-forge");
  for (const char* wanted : {"conda-forge", "Conda-Forge", "https://conda.anaconda.org/conda-forge",
                             "https://conda.anaconda.org/conda-forge/", "*", "", "conda-*"}) {
    INFO(wanted);
    CHECK(channel_matches(named, wanted, default_channel_alias));
  }
  CHECK(channel_matches(mirror, "conda-forge", default_channel_alias));
  CHECK(channel_matches(mirror, "https://mirror/conda-forge", default_channel_alias));
  CHECK_FALSE(channel_matches(named, "forge", default_channel_alias));
  CHECK_FALSE(channel_matches(named, "bioconda", default_channel_alias));
  CHECK_FALSE(channel_matches(named, "https://mirror/conda-forge", default_channel_alias));
}

TEST_CASE("credentials are taken out of urls") {
  CHECK(without_credentials("https://u:p@h/t/tk-1/c/noarch/f") == "https://h/c/noarch/f");
  CHECK(without_credentials("https://h/c") == "https://h/c");
  CHECK(without_credentials("https://h/t/tk-1") == "https://h");
  CHECK(without_credentials("file:///t/x/y") == "file:///t/x/y");
  CHECK(without_credentials("https://u@h") == "https://h");
}

TEST_CASE("subdirs") {
  CHECK(is_known_subdir("linux-64"));
  CHECK(is_known_subdir("noarch"));
  CHECK_FALSE(is_known_subdir("label"));
  CHECK(subdirs_for("linux-64") == Texts{"linux-64", "noarch"});
  CHECK(subdirs_for("noarch") == Texts{"noarch"});
  CHECK(is_known_subdir(native_subdir()));
}

TEST_CASE("environment files of CEP 24, Examples") {
  CHECK(environment("dependencies:\n  - numpy\n").dependencies == Texts{"numpy"});
  const auto file = environment(
      "name: test\nchannels:\n  - conda-forge\n  - nodefaults\ndependencies:\n  - numpy >=1.10\n"
      "  - conda-forge::scipy\n  - pip:\n      - scipy\nvariables:\n  MY_ENV_VAR: \"My Value\"\n"
      "  NUMBER: 3.10\nplatforms:\n  - linux-64\ncategory: test\n");
  CHECK(file.name == "test");
  CHECK(file.channels == Texts{"conda-forge"});
  CHECK(file.no_defaults);
  CHECK(file.dependencies == Texts{"numpy >=1.10", "conda-forge::scipy"});
  CHECK(file.pip == Texts{"scipy"});
  REQUIRE(file.variables.size() == 2);
  CHECK(file.variables[0] == std::pair<std::string, std::string>("MY_ENV_VAR", "My Value"));
  CHECK(file.variables[1].second == "3.10");
  CHECK(file.platforms == Texts{"linux-64"});
}

TEST_CASE("selectors of other tools are refused with a way around") {
  CHECK(refused("dependencies:\n  - python\n  - pywin32  # [win]\n")
            .message.starts_with("env.yml:3: the selector in '- pywin32  # [win]'"));
  CHECK(refused("dependencies:\n  - sel(win): pywin32\n").message.contains("micromamba"));
  CHECK(environment("dependencies:\n  - numpy  # [see the manual]\n").dependencies.size() == 1);
}

TEST_CASE("what is no environment file is refused with its reason") {
  CHECK(refused("").message.contains("no environment file"));
  CHECK(refused("- a\n").message.contains("no environment file"));
  CHECK(refused("name: x\n").message.contains("no list 'dependencies'"));
  CHECK(refused("dependencies: numpy\n").message.contains("no list 'dependencies'"));
  CHECK(refused("dependencies:\n  - npm:\n    - x\n").message.contains("section 'npm'"));
  CHECK(
      refused("dependencies:\n  - conda-forge:: numpy\n").hints.at(0).contains("without a blank"));
  CHECK(refused("dependencies:\n  -\n").message.contains("empty or a list"));
  CHECK(refused("name: a b\ndependencies: []\n").message.contains("'a b'"));
  CHECK(refused("channels: {}\ndependencies: []\n").message.contains("'channels' is no list"));
  CHECK(refused("variables: {1x: y}\ndependencies: []\n").message.contains("'1x'"));
  CHECK(refused("platforms: [noarch]\ndependencies: []\n").message.contains("'noarch'"));
  CHECK(refused("dependencies: [a\n").message.contains(":"));
}

TEST_CASE("a dependency that is no spec is a bad spec") {
  std::vector<std::string> warnings;
  const auto file = parse_environment_file("dependencies:\n  - numpy >>1\n", "env.yml", warnings);
  REQUIRE_FALSE(file.has_value());
  CHECK(file.error().kind == ErrorKind::bad_spec);
  CHECK(file.error().context.at(0) == "reading env.yml");
}

TEST_CASE("unknown keys at the top are told") {
  std::vector<std::string> warnings;
  CHECK(parse_environment_file("dependencies: []\nodd: 1\n", "env.yml", warnings).has_value());
  CHECK(warnings == Texts{"env.yml: the key 'odd' is not known and has no effect"});
}

TEST_CASE("a recipe has a title and a test") {
  const auto recipe = parse_recipe(
      "dependencies:\n  - python\nhpcenv:\n  title: Python\n  test: python -V\n", "python");
  REQUIRE(recipe.has_value());
  CHECK(recipe->name == "python");
  CHECK(recipe->title == "Python");
  CHECK(recipe->smoke_test == "python -V");
  CHECK(recipe->environment.dependencies == Texts{"python"});
  CHECK_FALSE(parse_recipe("dependencies: []\n", "x").has_value());
  CHECK_FALSE(parse_recipe("dependencies: []\nhpcenv: {title: x}\n", "x").has_value());
  CHECK_FALSE(
      parse_recipe("dependencies: []\nodd: 1\nhpcenv: {title: x, test: y}\n", "x").has_value());
}

TEST_CASE("the keys of condarc that matter") {
  const auto condarc = parse_condarc(
      "channels: [a, b]\nchannel_priority: true\npkgs_dirs: /p\nenvs_dirs:\n  - /e\nother: 1\n",
      ".condarc");
  REQUIRE(condarc.has_value());
  CHECK(condarc->channels == Texts{"a", "b"});
  CHECK(condarc->channel_priority == "flexible");
  CHECK(condarc->pkgs_dirs == Texts{"/p"});
  CHECK(condarc->envs_dirs == Texts{"/e"});
  CHECK(parse_condarc("", ".condarc").has_value());
  for (const char* bad :
       {"- a\n", "channels: {a: b}\n", "channels: [[a]]\n", "channel_priority: odd\n"}) {
    const auto parsed = parse_condarc(bad, ".condarc");
    INFO(bad);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().kind == ErrorKind::refused);
    CHECK(parsed.error().message.contains(".condarc"));
  }
  Condarc over;
  over.channels = {"c", "a"};
  over.channel_alias = "https://h";
  const Condarc merged = merge_condarc(*condarc, over);
  CHECK(merged.channels == Texts{"c", "a", "b"});
  CHECK(merged.channel_alias == "https://h");
  CHECK(merged.channel_priority == "flexible");
}

}  // namespace
}  // namespace hpcenv::conda
