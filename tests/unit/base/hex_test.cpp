#include "base/hex.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace hpcenv::base;

TEST_CASE("UTF-8 is told from other bytes") {
  for (const char* good : {"", "plain", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                           "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    CHECK(is_utf8(good));
  }
  for (const char* bad :
       {"\xff", "\x80", "\xc3", "a\xc3(", "\xc0\xaf", "\xe0\x9f\xbf", "\xed\xa0\x80",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80"}) {
    CHECK_FALSE(is_utf8(bad));
  }
}

TEST_CASE("hex and back") {
  CHECK(hex_of("\x01\xff") == "01ff");
  CHECK(bytes_of("01ff") == "\x01\xff");
  CHECK(bytes_of("01f") == "\x01");
  CHECK(bytes_of("zz").empty());
}
