#include "base/clock.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace hpcenv::base;

TEST_CASE("times are written in UTC") {
  CHECK(utc_text(0) == "1970-01-01 00:00:00");
  CHECK(utc_text(1795827723) == "2026-11-28 01:02:03");
  CHECK(utc_text(951782400) == "2000-02-29 00:00:00");
  CHECK(utc_text(-1) == "1969-12-31 23:59:59");
}

TEST_CASE("the system's clock goes forward and sleeps") {
  const SystemClock clock;
  const auto before = clock.steady();
  clock.sleep(std::chrono::milliseconds(5));
  CHECK(clock.steady() - before >= std::chrono::milliseconds(5));
  CHECK(clock.now() > 1'700'000'000);
}
