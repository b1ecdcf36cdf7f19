#include "shell/recorded.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

namespace hpcenv::shell {
namespace {

Piece text(std::string words) { return {Piece::Kind::text, std::move(words)}; }

// VALUE with `first` before it, and `last` after it.
Rule around(const std::string& first, const std::string& last) {
  const Piece own{Piece::Kind::incoming, "VALUE"};
  Rule rule;
  rule.name = rule.selector = "VALUE";
  rule.unset = {Outcome::Kind::set, {text(first + last)}};
  rule.empty = rule.unset;
  rule.set.kind = Outcome::Kind::set;
  if (!first.empty()) rule.set.value.push_back(text(first));
  rule.set.value.push_back(own);
  if (!last.empty()) rule.set.value.push_back(text(last));
  return rule;
}

std::string after(const Rule& rule, const std::string& before) {
  base::Environment environment;
  environment.set("VALUE", before);
  return apply_rules({rule}, environment).get_or("VALUE", "");
}

}  // namespace

TEST_CASE("what a rule adds is there already only where it is an element of its own") {
  const Rule append = around("", " -I/x");
  CHECK(after(append, "-O2 -I/x") == "-O2 -I/x");
  CHECK(after(append, "-O2 -I/x -g") == "-O2 -I/x -g");
  CHECK(after(append, "-O2 -I/xyz") == "-O2 -I/xyz -I/x");
  const Rule prepend = around("-L/x ", "");
  CHECK(after(prepend, "-L/x -s") == "-L/x -s");
  CHECK(after(prepend, "-s -L/x -g") == "-s -L/x -g");
  CHECK(after(prepend, "-s;-L/x -g") == "-L/x -s;-L/x -g");
}

TEST_CASE("what a rule adds without a separator is known at its own end only") {
  const Rule prepend = around("one", "");
  CHECK(after(prepend, "one-two") == "one-two");
  CHECK(after(prepend, "two one") == "onetwo one");
  const Rule append = around("", "one");
  CHECK(after(append, "two-one") == "two-one");
  CHECK(after(append, "one two") == "one twoone");
}

}  // namespace hpcenv::shell
