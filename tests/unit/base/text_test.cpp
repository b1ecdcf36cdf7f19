#include "base/text.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace hpcenv::base;
using Views = std::vector<std::string_view>;

TEST_CASE("split keeps empty pieces, split_words does not") {
  CHECK(split("a,,b", ',') == Views{"a", "", "b"});
  CHECK(split("", ',') == Views{""});
  CHECK(split("a,", ',') == Views{"a", ""});
  CHECK(split_words("  a\t b\n") == Views{"a", "b"});
  CHECK(split_words(" \t").empty());
}

TEST_CASE("lines end at \\n or \\r\\n; the last one may lack its end") {
  CHECK(split_lines("a\r\n\nb") == Views{"a", "", "b"});
  CHECK(split_lines("a\n") == Views{"a"});
  CHECK(split_lines("").empty());
}

TEST_CASE("trim, to_lower, join and replace_all") {
  CHECK(trim(" \t a b \r\n") == "a b");
  CHECK(trim("  ").empty());
  CHECK(to_lower("AbZ-\xc3\x84") == "abz-\xc3\x84");
  CHECK(join({"a", "", "b"}, ", ") == "a, , b");
  CHECK(join({}, ",").empty());
  CHECK(replace_all("aaa", "a", "aa") == "aaaaaa");
  CHECK(replace_all("abc", "", "x") == "abc");
}

TEST_CASE("a number is decimal digits and nothing else") {
  CHECK(parse_unsigned("18446744073709551615") == 18446744073709551615ULL);
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616", "1.0"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_unsigned(text).has_value());
  }
}

TEST_CASE("a glob is anchored at both ends") {
  CHECK(glob_match("lib*.so", "libcuda.so"));
  CHECK(glob_match("*", ""));
  CHECK(glob_match("a*b*c", "a-b-b-c"));
  CHECK_FALSE(glob_match("a*b", "a-b-c"));
  CHECK_FALSE(glob_match("cuda", "cuda-version"));
  CHECK_FALSE(glob_match("", "x"));
}

TEST_CASE("the nearest words come first and far ones not at all") {
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(nearest_words("pyton", {"cuda", "python", "piton", "pythons"}, 2) ==
        std::vector<std::string>{"piton", "python"});
  CHECK(nearest_words("numpy", {"scipy-tests", "torch"}, 3).empty());
}

TEST_CASE("bytes for people") {
  CHECK(human_bytes(0) == "0 B");
  CHECK(human_bytes(1023) == "1023 B");
  CHECK(human_bytes(1536) == "1.5 KiB");
  CHECK(human_bytes(1048575) == "1.0 MiB");
  CHECK(human_bytes(~0ULL) == "16.0 EiB");
}
