#include "conda/timestamp.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

namespace hpcenv::conda {
namespace {

constexpr std::int64_t now = 1'800'000'000;

TEST_CASE("times with and without a zone are read") {
  CHECK(parse_time("1970-01-01 00:00:00") == 0);
  CHECK(parse_time("2023-11-14 22:13:20") == 1'700'000'000);
  CHECK(parse_time("2023-11-14T22:13:20Z") == 1'700'000'000);
  CHECK(parse_time("2023-11-14T23:13:20.123+01:00") == 1'700'000'000);
  CHECK(parse_time("2023-11-14T17:13:20-0500") == 1'700'000'000);
  CHECK(parse_time("2024-02-29T00:00Z") == 1'709'164'800);
}

TEST_CASE("what is no time is none") {
  for (const char* text : {"", "soon", "2023-11-14", "2023-02-29 00:00:00", "2023-13-01 00:00:00",
                           "2023-11-14 24:00:00", "2023-11-14 1:00:00", "2023-11-14T00:00:00+xx",
                           "23-11-14 00:00:00", "2023-11-14T00", "T"}) {
    INFO(text);
    CHECK_FALSE(parse_time(text).has_value());
  }
}

TEST_CASE("exclude-newer takes a time, a whole day or an age") {
  CHECK(parse_exclude_newer("2023-11-14T22:13:20Z", now).value() == 1'700'000'000'000);
  CHECK(parse_exclude_newer("2023-11-14", now).value() == 1'700'006'399'999);
  CHECK(parse_exclude_newer("12h", now).value() == (now - 43'200) * 1000);
  CHECK(parse_exclude_newer("7d", now).value() == (now - 604'800) * 1000);
  CHECK(parse_exclude_newer("2w", now).value() == (now - 1'209'600) * 1000);
}

TEST_CASE("exclude-newer says what it takes") {
  for (const char* text : {"", "yesterday", "2023-02-29", "7", "d", "-7d", "7y", "999999999999d"}) {
    INFO(text);
    const auto time = parse_exclude_newer(text, now);
    REQUIRE_FALSE(time.has_value());
    CHECK(time.error().kind == ErrorKind::usage);
    CHECK(time.error().message == "'" + std::string(text) + "' is no point in time");
    CHECK(time.error().hints.at(0).find("2026-11-26") != std::string::npos);
  }
}

}  // namespace
}  // namespace hpcenv::conda
