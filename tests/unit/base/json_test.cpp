#include "base/json.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace hpcenv;
using namespace hpcenv::base;

TEST_CASE("what cannot be parsed is refused with its place") {
  const Error error = parse_json("{\n  \"a\": 1,,\n}", "x.json").error();
  CHECK(error.kind == ErrorKind::refused);
  CHECK(error.message.starts_with("x.json:2:10: not valid JSON: "));
  CHECK(parse_json("", "x.json").error().message.starts_with("x.json:1:1: "));
  CHECK(parse_json("{} x", "x.json").error().kind == ErrorKind::refused);
  CHECK(parse_json("\"\xff\"", "x.json").error().kind == ErrorKind::refused);
}

TEST_CASE("a document nested without end is refused, not recursed into") {
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  CHECK(parse_json(deep, "deep.json").error().message.find("nested deeper") != std::string::npos);
  const std::string fine = std::string(500, '[') + std::string(500, ']');
  CHECK(parse_json(fine, "fine.json").has_value());
}

TEST_CASE("members are written in the order in which they came") {
  const Json value = parse_json(R"({"b": 1, "a": [true, null]})", "x").value();
  CHECK(dump_json(value) == "{\n  \"b\": 1,\n  \"a\": [\n    true,\n    null\n  ]\n}\n");
  CHECK(dump_json_line(value) == R"({"b":1,"a":[true,null]})");
  CHECK(dump_json_line(Json("\xff")) == "\"\xef\xbf\xbd\"");
}

TEST_CASE("lenient readers take a missing member and a wrong type alike") {
  const Json value = parse_json(R"({"s": "x", "n": 7, "l": ["a", 1, "b"]})", "x").value();
  CHECK(string_or(value, "s") == "x");
  CHECK(string_or(value, "n", "d") == "d");
  CHECK(string_or(value, "none").empty());
  CHECK(integer_or(value, "n") == 7);
  CHECK(integer_or(value, "s", -1) == -1);
  CHECK(strings_or_empty(value, "l") == std::vector<std::string>{"a", "b"});
  CHECK(strings_or_empty(value, "s").empty());
  CHECK(string_or(Json::array(), "s", "d") == "d");
  CHECK(integer_or(Json(1), "s", 3) == 3);
}

TEST_CASE("a required member is named where it is missing") {
  const Json value = parse_json(R"({"s": "x", "n": 7})", "x").value();
  CHECK(require_string(value, "s", "f").value() == "x");
  CHECK(require_string(value, "none", "f").error().message == "f: \"none\" is missing");
  CHECK(require_string(value, "n", "f").error().message == "f: \"n\" is not a string");
  CHECK(require_string(Json(1), "n", "f").error().message == "f: not a JSON object");
}
