#include "base/apart.hpp"

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>

namespace {

using namespace hpcenv::base;
using std::chrono::milliseconds;
using End = ApartResult::End;

constexpr milliseconds plenty{30000};

TEST_CASE("what a task apart returns comes back whole", "[apart]") {
  const std::string text(apart_answer_limit, 'x');
  const ApartResult result = run_apart([&] { return std::string(text); }, plenty);
  CHECK(result.end == End::answered);
  CHECK(result.answer == text);
}

TEST_CASE("a task apart changes nothing here", "[apart]") {
  int value = 1;
  CHECK(run_apart([&] { return std::to_string(++value); }, plenty).answer == "2");
  CHECK(value == 1);
}

TEST_CASE("a task that dies is told by its signal", "[apart]") {
  const ApartResult result = run_apart(
      [] {
        raise(SIGBUS);
        return std::string("never");
      },
      plenty);
  CHECK(result.end == End::crashed);
  CHECK(result.code == SIGBUS);
}

TEST_CASE("a task that leaves without an answer, or with one too long, is a crash", "[apart]") {
  const ApartResult left = run_apart([]() -> std::string { _exit(0); }, plenty);
  CHECK(left.end == End::crashed);
  CHECK(left.code == 0);
  const auto too_long = [] { return std::string(apart_answer_limit + 1, 'x'); };
  CHECK(run_apart(too_long, plenty).end == End::crashed);
}

TEST_CASE("a task that hangs is killed with what it started", "[apart]") {
  const ApartResult result = run_apart(
      [] {
        while (true) pause();
        return std::string();
      },
      milliseconds(50));
  CHECK(result.end == End::timed_out);
}

}  // namespace
