#include "base/json_document.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "base/json.hpp"

namespace hpcenv::base {
namespace {

JsonDocument document(std::string_view text) { return JsonDocument::parse(text, "x.json").value(); }

TEST_CASE("members and elements come in the document's order") {
  const JsonDocument parsed = document(R"({"a": [1, "two", true, null], "b": {"c": -3}})");
  std::vector<std::string> keys;
  REQUIRE(parsed.root()
              .for_each_member([&](std::string_view key, JsonValue) {
                keys.emplace_back(key);
                return Result<>();
              })
              .has_value());
  CHECK(keys == std::vector<std::string>{"a", "b"});
  std::vector<JsonValue> elements;
  const auto list = parsed.root().find("a");
  REQUIRE(list.has_value());
  REQUIRE(list->for_each_element([&](JsonValue value) {
                elements.push_back(value);
                return Result<>();
              })
              .has_value());
  REQUIRE(elements.size() == 4);
  CHECK(elements[0].integer() == 1);
  CHECK(elements[1].text() == "two");
  CHECK(elements[2].boolean() == true);
  CHECK_FALSE(elements[3].text().has_value());
  CHECK(parsed.root().find("b")->find("c")->integer() == -3);
}

TEST_CASE("a value of another type gives nothing") {
  const JsonDocument parsed = document(R"({"a": 1.5, "b": []})");
  const JsonValue number = *parsed.root().find("a");
  CHECK_FALSE(number.integer().has_value());
  CHECK_FALSE(number.text().has_value());
  CHECK_FALSE(number.boolean().has_value());
  CHECK_FALSE(number.find("a").has_value());
  CHECK_FALSE(parsed.root().find("c").has_value());
  CHECK(parsed.root().is_object());
  CHECK(parsed.root().find("b")->is_array());
  const auto never = [](JsonValue) { return Result<>(fail(ErrorKind::bug, "visited")); };
  CHECK(number.for_each_element(never).has_value());
  CHECK(parsed.root().for_each_element(never).has_value());
}

TEST_CASE("the first failure of a visitor ends the walk and is handed on") {
  int visited = 0;
  const auto done = document("[1, 2, 3]").root().for_each_element([&](JsonValue) -> Result<> {
    if (++visited == 2) return fail(ErrorKind::refused, "enough");
    return {};
  });
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().message == "enough");
  CHECK(visited == 2);
}

TEST_CASE("a copy as a tree equals what the other reader gives") {
  constexpr std::string_view text =
      R"({"z": [1, -2, 1.5, 18446744073709551615, "\u00e9\n", false, null, {}], "a": {"b": []}})";
  CHECK(dump_json(document(text).root().to_json()) == dump_json(parse_json(text, "x").value()));
}

TEST_CASE("a moved document keeps its values") {
  JsonDocument first = document(R"({"a": "text"})");
  const JsonValue root = first.root();
  const JsonDocument second = std::move(first);
  CHECK(root.find("a")->text() == "text");
  CHECK(second.root().find("a")->text() == "text");
}

TEST_CASE("what is no JSON is refused with its place") {
  for (const std::string_view bad : {"", "{", "[1,]", "{\"a\" 1}", "[1] x", "\"\xff\"", "nul"}) {
    INFO(bad);
    const auto parsed = JsonDocument::parse(bad, "x.json");
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().kind == ErrorKind::refused);
    CHECK(parsed.error().message.starts_with("x.json:1:"));
  }
  const std::string deep = std::string(600, '[') + std::string(600, ']');
  CHECK_FALSE(JsonDocument::parse(deep, "x.json").has_value());
  const auto large = JsonDocument::parse("[123456789012345678901234567890]", "x.json");
  REQUIRE_FALSE(large.has_value());
  CHECK(large.error().message.contains("too large"));
}

TEST_CASE("strings are written as the tree writes them") {
  for (const std::string_view value : {"plain/path-1.0.so", "", "quote\"", "back\\slash", "tab\t",
                                       "\xc3\xa9", "\xff", "\x7f", "\x01"}) {
    std::string text = "[";
    append_json_string(text, value);
    CHECK(text + "]" == dump_json_line(Json::array({std::string(value)})));
  }
}

}  // namespace
}  // namespace hpcenv::base
