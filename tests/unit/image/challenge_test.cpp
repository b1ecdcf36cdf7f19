#include "image/challenge.hpp"

#include <catch2/catch_test_macros.hpp>

namespace hpcenv::image {
namespace {

TEST_CASE("a challenge is a scheme and its parameters") {
  const auto challenges = parse_challenges(
      R"(Bearer realm="https://auth.example/token",service="reg, istry",Scope="repository:a/b:pull,push")");
  REQUIRE(challenges.size() == 1);
  CHECK(challenges[0].scheme == "bearer");
  CHECK(challenges[0].parameter("realm") == "https://auth.example/token");
  CHECK(challenges[0].parameter("service") == "reg, istry");
  CHECK(challenges[0].parameter("scope") == "repository:a/b:pull,push");
  CHECK(challenges[0].parameter("error").empty());
}

TEST_CASE("one header may hold several") {
  const auto challenges =
      parse_challenges(R"(Negotiate, BASIC realm = x , charset="UTF-8", Bearer realm="a\"b")");
  REQUIRE(challenges.size() == 3);
  CHECK(challenges[0].scheme == "negotiate");
  CHECK(challenges[1].scheme == "basic");
  CHECK(challenges[1].parameter("realm") == "x");
  CHECK(challenges[1].parameter("charset") == "UTF-8");
  CHECK(challenges[2].parameter("realm") == "a\"b");
}

TEST_CASE("what cannot be read ends the list") {
  CHECK(parse_challenges("").empty());
  CHECK(parse_challenges(" , ,").empty());
  CHECK(parse_challenges("=x").empty());
  CHECK(parse_challenges("a=b").empty());
  CHECK(parse_challenges(R"(Basic realm="open)").front().parameter("realm") == "open");
  CHECK(parse_challenges(R"(Basic realm="open\)").front().parameter("realm") == "open");
  CHECK(parse_challenges(R"(Basic "x")").size() == 1);
}

}  // namespace
}  // namespace hpcenv::image
