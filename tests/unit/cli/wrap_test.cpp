#include "cli/wrap.hpp"

#include <catch2/catch_test_macros.hpp>

namespace hpcenv::cli {
namespace {

using Lines = std::vector<std::string>;

TEST_CASE("text is broken at blanks, a word never") {
  CHECK(wrapped("", 10) == Lines{""});
  CHECK(wrapped("one two three", 7) == Lines{"one two", "three"});
  CHECK(wrapped("one two three", 8) == Lines{"one two", "three"});
  CHECK(wrapped("a /a/very/long/path b", 6) == Lines{"a", "/a/very/long/path", "b"});
  CHECK(wrapped("one\n  two\tthree", 80) == Lines{"one two three"});
}

TEST_CASE("a character is a cell, however many bytes it has") {
  CHECK(cells_of("\u2717 \u00e9t\u00e9") == 5);
  CHECK(wrapped("\u00e9t\u00e9 \u00e9t\u00e9", 7).size() == 1);
  CHECK(wrapped("\u00e9t\u00e9 \u00e9t\u00e9", 6).size() == 2);
}

TEST_CASE("lines hang below the beginning of their text") {
  CHECK(hanging("- ", "one two three four five", 25) == "- one two three four five\n");
  CHECK(hanging("    - ", "one two three four five six", 26) ==
        "    - one two three four\n"
        "      five six\n");
  // However narrow the terminal is, some words fit.
  CHECK(hanging("          ", "one two three four five", 12) ==
        "          one two three four\n"
        "          five\n");
}

}  // namespace
}  // namespace hpcenv::cli
