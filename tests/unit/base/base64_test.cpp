#include "base/base64.hpp"

#include <catch2/catch_test_macros.hpp>

namespace hpcenv::base {
namespace {

TEST_CASE("base64: the standard's own examples, there and back") {
  const std::pair<std::string, std::string> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : cases) {
    CHECK(base64_of(bytes) == text);
    CHECK(bytes_of_base64(text) == bytes);
  }
}

TEST_CASE("base64: all bytes; padding may be missing") {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  const std::string text = base64_of(bytes);
  CHECK(bytes_of_base64(text) == bytes);
  CHECK(bytes_of_base64(text.substr(0, text.find('='))) == bytes);
}

TEST_CASE("base64: what is none is told") {
  for (const char* text : {"Z", "Zg=a", "Zm9v=", "Zg===", "=", "a b=", "Zm9-", "Zm9v\n"}) {
    INFO(text);
    CHECK_FALSE(bytes_of_base64(text).has_value());
  }
}

}  // namespace
}  // namespace hpcenv::base
