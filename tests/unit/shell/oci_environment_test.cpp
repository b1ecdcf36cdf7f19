#include "shell/oci_environment.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "unit/shell/nasty_words.hpp"

namespace hpcenv::shell {

TEST_CASE("UTF-8 is what Unicode says it is") {
  for (const char* good :
       {"", "a", "\n", "ä", "€", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF", "\xEE\x80\x80", "a€b"}) {
    INFO(good);
    CHECK(is_utf8(good));
  }
  for (const char* bad :
       {"\xff", "\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "a\xC3", "\xC3z", "\xE2\x82z"}) {
    INFO(bad);
    CHECK_FALSE(is_utf8(bad));
  }
}

TEST_CASE("an image starts with what apply makes of its own variables") {
  ActivationInput input;
  input.prefix = "/env";
  input.environment_name = "e";
  input.variables = {{"COLOUR", "a b\n$c"}, {"GONE", std::nullopt}};
  Rule flags{"CFLAGS", "CFLAGS", {Outcome::Kind::set, {{Piece::Kind::text, "-O2"}}}, {}, {}, {}};
  flags.set = {Outcome::Kind::set,
               {{Piece::Kind::text, "-O2 "}, {Piece::Kind::incoming, "CFLAGS"}}};
  input.recorded.rules = {flags};
  const OciEnvironment result =
      oci_environment(activation_of(input),
                      base::Environment({{"PATH", "/usr/bin"}, {"CFLAGS", "-g"}, {"GONE", "x"}}));
  CHECK(result.variables == std::vector<std::string>{"CFLAGS=-O2 -g", "COLOUR=a b\n$c",
                                                     "CONDA_DEFAULT_ENV=e", "CONDA_PREFIX=/env",
                                                     "CONDA_SHLVL=1", "PATH=/env/bin:/usr/bin",
                                                     "PYTHONNOUSERSITE=1"});
  CHECK(result.refused.empty());
}

TEST_CASE("what JSON cannot hold is refused by name") {
  ActivationInput input;
  input.prefix = "/env";
  input.variables = {{"A=B", "x"},
                     {"", "x"},
                     {"BYTES", "\xff"},
                     {"N\xff", "x"},
                     {"NUL", std::string("a\0b", 3)},
                     {"GOOD", "ä"},
                     {"LONG", std::string(131'067, 'x')},
                     {"LAST", std::string(131'066, 'x')}};
  const OciEnvironment result = oci_environment(activation_of(input), {});
  CHECK(result.refused ==
        std::vector<RefusedVariable>{{"", "it has no name"},
                                     {"A=B", "its name holds '='"},
                                     {"BYTES", "its value is not UTF-8"},
                                     {"LONG", "no program can be given so long a value"},
                                     {"NUL", "it holds a NUL byte"},
                                     {"N\xff", "its name is not UTF-8"}});
  CHECK(std::ranges::find(result.variables, "GOOD=ä") != result.variables.end());
}

TEST_CASE("every nasty value is in an image's variables, or refused by name") {
  ActivationInput input;
  input.prefix = "/env";
  for (std::size_t i = 0; i < nasty_words.size(); ++i) {
    input.variables.emplace_back("V" + std::to_string(i), nasty_words[i]);
  }
  const OciEnvironment result = oci_environment(activation_of(input), {});
  for (std::size_t i = 0; i < nasty_words.size(); ++i) {
    const std::string name = "V" + std::to_string(i);
    const bool refused =
        std::ranges::any_of(result.refused, [&](const auto& one) { return one.name == name; });
    const bool held =
        std::ranges::find(result.variables, name + "=" + nasty_words[i]) != result.variables.end();
    CHECK(refused != held);
    CHECK(held == is_utf8(nasty_words[i]));
  }
}

}  // namespace hpcenv::shell
