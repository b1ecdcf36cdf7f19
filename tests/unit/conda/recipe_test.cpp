#include "conda/recipe.hpp"

#include <catch2/catch_test_macros.hpp>

namespace hpcenv::conda {
namespace {

using Texts = std::vector<std::string>;

constexpr std::string_view whole = R"(# for the group
channels:
  - conda-forge
dependencies:
  - python
  - netcdf4
hpcenv:
  title: NetCDF
  description: What the notebooks need.
  needs: gpu
  tests:
    - name: read
      python: |
        import netCDF4
        print("good")
    - name: device
      needs: gpu
      command: nvidia-smi -L
      timeout: 60
)";

/// The message of a recipe whose `hpcenv:` section is this (in flow style).
Error refused(const std::string& section) {
  const auto recipe =
      parse_recipe("dependencies: [python]\nhpcenv: " + section + "\n", "x", "dir/x.yml");
  REQUIRE_FALSE(recipe.has_value());
  CHECK(recipe.error().kind == ErrorKind::refused);
  return recipe.error();
}

TEST_CASE("a recipe is an environment file with a title and checks") {
  const auto recipe = parse_recipe(whole, "climate", "climate.yml");
  REQUIRE(recipe.has_value());
  CHECK(recipe->name == "climate");
  CHECK(recipe->title == "NetCDF");
  CHECK(recipe->description == "What the notebooks need.");
  CHECK(recipe->needs == Needs::gpu);
  CHECK(recipe->environment.dependencies == Texts{"python", "netcdf4"});
  REQUIRE(recipe->checks.size() == 2);
  const RecipeCheck& read = recipe->checks[0];
  CHECK(read.name == "read");
  CHECK(read.language == RecipeCheck::Language::python);
  CHECK(read.text == "import netCDF4\nprint(\"good\")\n");
  CHECK(read.needs == Needs::nothing);
  CHECK(read.timeout == std::chrono::seconds(300));
  const RecipeCheck& device = recipe->checks[1];
  CHECK(device.language == RecipeCheck::Language::command);
  CHECK(device.text == "nvidia-smi -L");
  CHECK(device.needs == Needs::gpu);
  CHECK(device.timeout == std::chrono::seconds(60));
}

TEST_CASE("selectors of a recipe follow the platform") {
  const std::string text =
      "dependencies:\n  - a\n  - b  # [aarch64]\nhpcenv: {title: t, description: d, tests: [{name: "
      "x, command: y}]}\n";
  EnvironmentFileReading reading;
  reading.subdir = "linux-aarch64";
  CHECK(parse_recipe(text, "x", "x.yml", reading)->environment.dependencies == Texts{"a", "b"});
  reading.subdir = "linux-64";
  CHECK(parse_recipe(text, "x", "x.yml", reading)->environment.dependencies == Texts{"a"});
}

TEST_CASE("what a recipe lacks or nobody reads is refused with its place") {
  const std::string good = "title: t, description: d, tests: [{name: x, command: y}]";
  CHECK(parse_recipe("dependencies: [python]\nhpcenv: {" + good + "}\n", "x", "x.yml").has_value());
  CHECK(refused("[]").message == "dir/x.yml: there is no section 'hpcenv'");
  CHECK(refused("{description: d}").message == "dir/x.yml: \"title\" is missing");
  CHECK(refused("{title: t}").message == "dir/x.yml: \"description\" is missing");
  CHECK(refused("{title: \"a\\nb\", description: d}").message ==
        "dir/x.yml: 'title' has to be one line");
  CHECK(refused("{title: t, description: d}").message ==
        "dir/x.yml: the section 'hpcenv' has no list 'tests'");
  CHECK(refused("{title: t, description: d, tests: []}").message ==
        "dir/x.yml: the section 'hpcenv' has no list 'tests'");
  CHECK(refused("{" + good + ", needs: GPU}").message ==
        "dir/x.yml: 'needs' is gpu or nothing, not 'GPU'");
  const Error odd = refused("{" + good + ", test: z}");
  CHECK(odd.message == "dir/x.yml: the key 'test' is not known");
  CHECK(odd.hints == Texts{"the keys there are: title, description, needs, tests"});
}

TEST_CASE("a check that cannot be run as it is written is refused") {
  const auto with = [](const std::string& check) {
    return refused("{title: t, description: d, tests: [" + check + "]}").message;
  };
  CHECK(with("python -V") == "dir/x.yml: a line of 'tests' is no map");
  CHECK(with("{command: y}") == "dir/x.yml: a test: \"name\" is missing");
  CHECK(with("{name: x}") == "dir/x.yml: test 'x' has to have one of 'command' and 'python'");
  CHECK(with("{name: x, command: y, python: z}") ==
        "dir/x.yml: test 'x' has to have one of 'command' and 'python'");
  CHECK(with("{name: x, command: y, retries: 3}") ==
        "dir/x.yml: test 'x': the key 'retries' is not known");
  for (const char* bad : {"0", "-1", "1.5", "soon", "99999999"}) {
    CHECK(with(fmt::format("{{name: x, command: y, timeout: {}}}", bad)) ==
          fmt::format("dir/x.yml: test 'x': 'timeout' is a number of seconds, not '{}'", bad));
  }
  CHECK(with("{name: x, command: y}, {name: x, command: z}") ==
        "dir/x.yml: two tests have the name 'x'");
}

TEST_CASE("what is no environment file is no recipe") {
  CHECK(parse_recipe("odd: 1\ndependencies: []\n", "x", "x.yml").error().message ==
        "x.yml: the key 'odd' is not known and has no effect");
  CHECK(parse_recipe("[a, b]\n", "x", "x.yml").error().kind == ErrorKind::refused);
  CHECK(parse_recipe("dependencies: ['numpy >>1']\n", "x", "x.yml").error().kind ==
        ErrorKind::bad_spec);
}

}  // namespace
}  // namespace hpcenv::conda
