#include "base/parallel.hpp"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <vector>

#include "base/interrupt.hpp"

using namespace hpcenv;
using namespace hpcenv::base;

TEST_CASE("every index is done once, whatever the number of threads") {
  for (const std::size_t jobs : {0U, 1U, 2U, 8U, 300U}) {
    CAPTURE(jobs);
    std::vector<std::atomic<int>> done(200);
    const Result<> all = parallel_for(done.size(), jobs, [&](std::size_t index) -> Result<> {
      ++done[index];
      return {};
    });
    CHECK(all.has_value());
    for (const auto& count : done) CHECK(count == 1);
  }
  CHECK(parallel_for(0, 4, [](std::size_t) -> Result<> {
          return fail(ErrorKind::bug, "called");
        }).has_value());
}

TEST_CASE("the first failure stops the rest") {
  std::atomic<std::size_t> calls{0};
  const Result<> all = parallel_for(10000, 2, [&](std::size_t index) -> Result<> {
    ++calls;
    if (index == 5) return fail(ErrorKind::io, "five");
    return {};
  });
  REQUIRE_FALSE(all.has_value());
  CHECK(all.error().message == "five");
  CHECK(calls < 10000);
}

TEST_CASE("an interrupt stops the rest") {
  std::size_t calls = 0;
  const Result<> all = parallel_for(100, 1, [&](std::size_t index) -> Result<> {
    ++calls;
    if (index == 3) set_interrupt(SIGINT);
    return {};
  });
  set_interrupt(0);
  REQUIRE_FALSE(all.has_value());
  CHECK(all.error().kind == ErrorKind::interrupted);
  CHECK(calls == 4);
}

TEST_CASE("there is at least one processor") { CHECK(available_processors() >= 1); }

TEST_CASE("what the user asks for counts, until nothing is asked for") {
  const std::size_t here = available_processors();
  ask_for_processors(here + 7);
  CHECK(available_processors() == here + 7);
  ask_for_processors(0);
  CHECK(available_processors() == here);
}
