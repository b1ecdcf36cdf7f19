#include "base/environment.hpp"

#include <array>
#include <catch2/catch_test_macros.hpp>

using hpcenv::base::Environment;

TEST_CASE("a block of variables becomes a value and a block again") {
  std::string first = "A=1";
  std::string again = "A=2";
  std::string functions = "BASH_FUNC_x%%=() { :\n}";
  std::string empty = "EMPTY=";
  std::string malformed = "nothing";
  std::string nameless = "=C:=x";
  std::array<char*, 7> block{first.data(),     again.data(),    functions.data(), empty.data(),
                             malformed.data(), nameless.data(), nullptr};
  const Environment environment = Environment::from_block(block.data());
  CHECK(environment.all().size() == 3);
  CHECK(environment.get("A") == "1");
  CHECK(environment.get("EMPTY") == "");
  CHECK_FALSE(environment.get("nothing").has_value());
  CHECK(environment.block() == std::vector<std::string>{"A=1", functions, "EMPTY="});
  CHECK(Environment::from_block(nullptr).all().empty());
}

TEST_CASE("set, unset and defaults") {
  Environment environment;
  environment.set("HOME", "/home/a");
  environment.set("HOME", "/home/b");
  environment.unset("NONE");
  CHECK(environment.get_or("HOME", "/") == "/home/b");
  environment.unset("HOME");
  CHECK_FALSE(environment.has("HOME"));
  CHECK(environment.get_or("HOME", "/") == "/");
}
