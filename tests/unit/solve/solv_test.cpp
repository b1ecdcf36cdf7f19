#include "solve/solv.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <utility>
#include <vector>

namespace hpcenv::solve {
namespace {

using Packages = std::vector<SolvPackage>;
using Reasons = std::vector<SolvReason>;

Packages chosen(Solv::Answer answer) {
  REQUIRE(std::holds_alternative<Packages>(answer));
  auto packages = std::get<Packages>(std::move(answer));
  std::sort(packages.begin(), packages.end());
  return packages;
}

bool has(const Reasons& reasons, SolvReason::Kind kind) {
  return std::any_of(reasons.begin(), reasons.end(),
                     [kind](const SolvReason& reason) { return reason.kind == kind; });
}

TEST_CASE("the most preferred package of a list is chosen, with what it needs") {
  Solv solv;
  const auto a1 = solv.add_package("a", 1);
  const auto a0 = solv.add_package("a", 0);
  const auto b1 = solv.add_package("b", 1);
  const auto b0 = solv.add_package("b", 0);
  const auto wanted = solv.add_list(Packages{a0, a1});
  solv.add_need(a0, solv.add_list(Packages{b1, b0}));
  CHECK(chosen(solv.solve(std::vector{wanted}, {})) == Packages{a0, b0});
}

TEST_CASE("many positions keep their order") {
  Solv solv;
  Packages all;
  for (std::uint32_t position = 0; position < 120; ++position) {
    all.push_back(solv.add_package("a", 119 - position));
  }
  const auto wanted = solv.add_list(all);
  CHECK(chosen(solv.solve(std::vector{wanted}, {})) == Packages{all.back()});
}

TEST_CASE("a ban forbids packages without asking for one") {
  Solv solv;
  const auto a = solv.add_package("a", 0);
  const auto b0 = solv.add_package("b", 0);
  const auto b1 = solv.add_package("b", 1);
  solv.add_ban(a, solv.add_list(Packages{b0}));
  const auto want_a = solv.add_list(Packages{a});
  SECTION("nobody wants it") { CHECK(chosen(solv.solve(std::vector{want_a}, {})) == Packages{a}); }
  SECTION("the other is taken") {
    const auto want_b = solv.add_list(Packages{b0, b1});
    CHECK(chosen(solv.solve(std::vector{want_a, want_b}, {})) == Packages{a, b1});
  }
  SECTION("there is no other") {
    const auto want_b = solv.add_list(Packages{b0});
    const auto answer = solv.solve(std::vector{want_a, want_b}, {});
    REQUIRE(std::holds_alternative<Reasons>(answer));
    const auto& reasons = std::get<Reasons>(answer);
    CHECK(has(reasons, SolvReason::Kind::forbids));
    CHECK(has(reasons, SolvReason::Kind::wanted));
  }
}

TEST_CASE("two packages of one name exclude each other") {
  Solv solv;
  const auto a0 = solv.add_package("a", 0);
  const auto a1 = solv.add_package("a", 1);
  const auto first = solv.add_list(Packages{a0});
  const auto second = solv.add_list(Packages{a1});
  const auto answer = solv.solve(std::vector{first, second}, {});
  REQUIRE(std::holds_alternative<Reasons>(answer));
  CHECK(has(std::get<Reasons>(answer), SolvReason::Kind::same_name));
}

TEST_CASE("an empty list is nothing that can be had") {
  Solv solv;
  const auto a = solv.add_package("a", 0);
  const auto nothing = solv.add_list({});
  SECTION("asked for") {
    const auto answer = solv.solve(std::vector{nothing}, {});
    REQUIRE(std::holds_alternative<Reasons>(answer));
  }
  SECTION("needed") {
    solv.add_need(a, nothing);
    const auto wanted = solv.add_list(Packages{a});
    const auto answer = solv.solve(std::vector{wanted}, {});
    REQUIRE(std::holds_alternative<Reasons>(answer));
    const auto& reasons = std::get<Reasons>(answer);
    REQUIRE(has(reasons, SolvReason::Kind::needs_nothing));
    const auto reason = std::find_if(reasons.begin(), reasons.end(), [](const SolvReason& r) {
      return r.kind == SolvReason::Kind::needs_nothing;
    });
    CHECK(reason->package == a);
    CHECK(reason->list == nothing);
  }
  SECTION("not needed") { CHECK(chosen(solv.solve({}, {})).empty()); }
}

TEST_CASE("soft lists are met where nothing stands against them, the first before the last") {
  Solv solv;
  const auto a0 = solv.add_package("a", 0);
  const auto a1 = solv.add_package("a", 1);
  const auto b = solv.add_package("b", 0);
  const auto c = solv.add_package("c", 0);
  const auto any_a = solv.add_list(Packages{a0, a1});
  const auto only_a1 = solv.add_list(Packages{a1});
  const auto want_b = solv.add_list(Packages{b});
  const auto want_c = solv.add_list(Packages{c});
  solv.add_ban(b, solv.add_list(Packages{a0}));
  solv.add_ban(c, want_b);
  SECTION("an older one stays") {
    CHECK(chosen(solv.solve(std::vector{any_a}, std::vector{only_a1})) == Packages{a1});
  }
  SECTION("the last gives way") {
    CHECK(chosen(solv.solve(std::vector{any_a}, std::vector{want_b, want_c})) == Packages{a1, b});
  }
  SECTION("a hard one goes before all") {
    CHECK(chosen(solv.solve(std::vector{want_c}, std::vector{want_b})) == Packages{c});
  }
}

TEST_CASE("the handle can be moved") {
  Solv first;
  const auto a = first.add_package("a", 0);
  Solv second = std::move(first);
  const auto wanted = second.add_list(Packages{a});
  Solv third;
  third = std::move(second);
  CHECK(chosen(third.solve(std::vector{wanted}, {})) == Packages{a});
}

}  // namespace
}  // namespace hpcenv::solve
