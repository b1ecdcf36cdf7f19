#include "base/result.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cerrno>

using namespace hpcenv;

namespace {

Result<int> half_of(int number) {
  if (number % 2 != 0) return fail(ErrorKind::refused, "{} is odd", number);
  return number / 2;
}

Result<int> quarter_of(int number) {
  HPCENV_ASSIGN(const int half, half_of(number));
  HPCENV_TRY(half_of(half));
  return half / 2;
}

}  // namespace

TEST_CASE("the two macros hand values and failures on") {
  CHECK(quarter_of(8).value() == 2);
  CHECK(quarter_of(7).error().message == "7 is odd");
  CHECK(quarter_of(6).error().message == "3 is odd");
  CHECK(quarter_of(6).error().kind == ErrorKind::refused);
}

TEST_CASE("errno in words, and a full disk or quota is a kind of its own") {
  const Error denied = fail_errno(EACCES, "cannot open /x").error();
  CHECK(denied.kind == ErrorKind::io);
  CHECK(denied.message == "cannot open /x: Permission denied");
  for (const int number : {ENOSPC, EDQUOT}) {
    const Error full = fail_errno(number, "cannot write /x").error();
    CHECK(full.kind == ErrorKind::no_space);
    CHECK(full.hints.size() == 1);
  }
  CHECK(fail_errno(99999, "x").error().message == "x: error number 99999");
}

TEST_CASE("context and hints add up") {
  Error error = fail_hint(ErrorKind::network, "no answer", "try again").error();
  error = with_hint(with_context(std::move(error), "reading the channel"), "or not");
  CHECK(error.context == std::vector<std::string>{"reading the channel"});
  CHECK(error.hints == std::vector<std::string>{"try again", "or not"});
}

TEST_CASE("every kind has its own name") {
  CHECK(std::string(name_of(ErrorKind::refused)) == "refused");
  CHECK(std::string(name_of(ErrorKind::no_space)) == "no_space");
  CHECK(std::string(name_of(ErrorKind::terminated)) == "terminated");
}
