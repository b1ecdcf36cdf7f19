#include "base/yaml.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "base/json.hpp"

using namespace hpcenv;
using namespace hpcenv::base;

namespace {

std::string line_of(std::string_view text) { return dump_json_line(parse_yaml(text, "f").value()); }
std::string refusal_of(std::string_view text) {
  const Error error = parse_yaml(text, "f.yml").error();
  CHECK(error.kind == ErrorKind::refused);
  return error.message;
}

TEST_CASE("texts come back from a scalar as they were") {
  for (const std::string text : {"",
                                 "conda-forge",
                                 "python=3.12=h1_0",
                                 "https://h/c",
                                 "1.10",
                                 "1e3",
                                 "0o17",
                                 "012",
                                 "1:30",
                                 "2024-01-01",
                                 "yes",
                                 "Off",
                                 "null",
                                 "~",
                                 "- a",
                                 "a: b",
                                 "a #b",
                                 "#a",
                                 "it's \"so\"",
                                 "a\nb",
                                 " a ",
                                 "[x]",
                                 "{x}",
                                 "*x",
                                 "&x",
                                 "!x",
                                 "%x",
                                 "@x",
                                 "`x`",
                                 "a,b",
                                 "\t",
                                 "x:",
                                 "é",
                                 "/a b"}) {
    INFO(text);
    const auto value = parse_yaml("k: " + yaml_scalar(text) + "\n", "t");
    REQUIRE(value.has_value());
    REQUIRE((*value)["k"].is_string());
    CHECK((*value)["k"].get<std::string>() == text);
  }
  CHECK(yaml_scalar("conda-forge") == "conda-forge");
  CHECK(yaml_scalar("3.10") == "\"3.10\"");
  CHECK(yaml_scalar("no") == "\"no\"");
}

}  // namespace

TEST_CASE("scalars stay the text that they are") {
  CHECK(line_of("python: 3.10\nyes: no\nquoted: '~'\nempty:\nword: null\n") ==
        R"({"python":"3.10","yes":"no","quoted":"~","empty":null,"word":null})");
  CHECK(line_of("- a\n- [b, {c: d}]\n") == R"(["a",["b",{"c":"d"}]])");
  CHECK(line_of("") == "null");
  CHECK(line_of("# only a comment\n") == "null");
}

TEST_CASE("anchors are expanded") {
  CHECK(line_of("a: &x [1, 2]\nb: *x\n") == R"({"a":["1","2"],"b":["1","2"]})");
}

TEST_CASE("malformed text is refused with its place") {
  CHECK(refusal_of("a: [1,\nb: 2").starts_with("f.yml:2:"));
  CHECK(refusal_of("a: b: c").starts_with("f.yml:1:"));
  CHECK(refusal_of("a: *none").starts_with("f.yml:1:4: "));
}

TEST_CASE("equal keys are refused, at any level") {
  CHECK(refusal_of("x:\n  a: 1\n  a: 2\n") == "f.yml:3:3: the key \"a\" stands twice");
  CHECK(refusal_of("? [a]\n: b\n").find("a key has to be a word") != std::string::npos);
}

TEST_CASE("aliases that expand without bound are refused") {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += before + ", ";
    bomb += "]\n";
  }
  CHECK(refusal_of(bomb).find("too large once its aliases are expanded") != std::string::npos);
  CHECK(refusal_of("a: &x [*x]").find("not finished") != std::string::npos);
}

TEST_CASE("nesting has an end") {
  CHECK(refusal_of(std::string(1000, '[') + std::string(1000, ']')).find("nested too deep") !=
        std::string::npos);
}

TEST_CASE("a second document is refused, not lost") {
  CHECK(refusal_of("a: 1\n---\nb: 2\n").find("more than one document") != std::string::npos);
}
