#include "shell/derive.hpp"

#include <catch2/catch_test_macros.hpp>
#include <functional>

namespace hpcenv::shell {
namespace {

using base::Environment;
using Variables = std::map<std::string, std::string, std::less<>>;
using Script = std::function<void(Environment&)>;

Observation observe(const Script& script, const Environment& before) {
  Observation seen{before, before};
  script(seen.after);
  return seen;
}

// The three runs, with `names` varied, as the recorder makes them.
Observations three(const Script& script, const std::set<std::string>& names,
                   const Variables& fixed = {}) {
  Environment unset(fixed);
  Environment empty(fixed);
  Environment set(fixed);
  for (const std::string& name : names) {
    empty.set(name, "");
    set.set(name, "token-of-" + name + "-t");
  }
  return {observe(script, unset), observe(script, empty), observe(script, set)};
}

const Rule& rule_of(const Derived& derived, const std::string& name) {
  for (const Rule& rule : derived.rules) {
    if (rule.name == name) return rule;
  }
  throw std::runtime_error("no rule for " + name);
}

RuleClass class_after(const Script& script) {
  return class_of(rule_of(derive_rules(three(script, {"X", "Y"}), {"X", "Y"}), "X"));
}

}  // namespace

TEST_CASE("each way of setting a variable has its class") {
  CHECK(class_after([](Environment& e) { e.set("X", "1"); }) == RuleClass::set);
  CHECK(class_after([](Environment& e) { e.set("X", ""); }) == RuleClass::set);
  CHECK(class_after([](Environment& e) { e.unset("X"); }) == RuleClass::unset);
  CHECK(class_after([](Environment& e) {
          if (e.get_or("X", "").empty()) e.set("X", "1");
        }) == RuleClass::standard);
  CHECK(class_after([](Environment& e) {
          if (!e.has("X")) e.set("X", "1");
        }) == RuleClass::standard);
  CHECK(class_after([](Environment& e) {
          const std::string old = e.get_or("X", "");
          e.set("X", "/a/b" + (old.empty() ? "" : ":" + old));
        }) == RuleClass::prepend);
  CHECK(class_after([](Environment& e) { e.set("X", e.get_or("X", "") + " -O2"); }) ==
        RuleClass::append);
  CHECK(class_after([](Environment& e) { e.set("X", "a" + e.get_or("Y", "") + "b"); }) ==
        RuleClass::other);
}

TEST_CASE("rules say what the script does to values that were never tried") {
  const Script script = [](Environment& e) {
    e.set("FLAGS", e.get_or("FLAGS", "") + " -O2");
    if (e.get_or("TOOL", "").empty()) e.set("TOOL", "cc");
    e.set("HOME_OF_X", e.get_or("HOME", "") + "/x");
    e.unset("GONE");
  };
  const std::set<std::string> names{"FLAGS", "TOOL", "HOME_OF_X", "HOME", "GONE"};
  const Derived derived = derive_rules(three(script, names), names);
  for (const Variables& incoming :
       {Variables{{"FLAGS", "-g `id` $ORIGIN"}, {"HOME", "/home/me x"}},
        Variables{{"TOOL", "icc"}, {"GONE", "y"}, {"FLAGS", ""}}, Variables{{"OTHER", "1"}}}) {
    const Observation seen = observe(script, Environment(incoming));
    CHECK(unexplained(derived, seen).empty());
    CHECK(apply_rules(derived.rules, seen.before).block() == seen.after.block());
  }
}

TEST_CASE("a copy follows the variable that it is of, not its own state") {
  const Script script = [](Environment& e) {
    if (!e.get_or("CC", "").empty()) e.set("LINKER", e.get_or("CC", ""));
  };
  const std::set<std::string> names{"CC", "LINKER"};
  Derived derived = derive_rules(three(script, names), names);
  const std::vector<Observation> more{observe(script, Environment(Variables{{"CC", "mycc"}})),
                                      observe(script, Environment(Variables{{"LINKER", "lld"}}))};
  CHECK_FALSE(unexplained(derived, more[0]).empty());
  choose_selectors(derived, names, more);
  CHECK(rule_of(derived, "LINKER").selector == "CC");
  CHECK(unexplained(derived, more[0]).empty());
  CHECK(unexplained(derived, more[1]).empty());
}

TEST_CASE("what scripts keep to restore it is no rule") {
  const Script script = [](Environment& e) {
    if (const auto old = e.get("DATA")) e.set("_MY_SAVED_DATA", *old);
    if (const auto old = e.get("DATA")) e.set("CONDA_BACKUP_DATA", *old);
    e.set("DATA", "/p/share");
  };
  const std::set<std::string> names{"DATA", "_MY_SAVED_DATA"};
  const Derived derived = derive_rules(three(script, names), names);
  REQUIRE(derived.rules.size() == 1);
  CHECK(derived.rules.front().name == "DATA");
  CHECK(derived.backups == std::set<std::string>{"_MY_SAVED_DATA"});
  CHECK(unexplained(derived, observe(script, Environment(Variables{{"DATA", "d"}}))).empty());
}

TEST_CASE("a condition on another variable is explained by its state, not by its value") {
  const std::set<std::string> names{"CXX", "PREPEND"};
  const auto explained = [&](const Script& script) {
    Derived derived = derive_rules(three(script, names), names);
    const std::vector<Observation> more{observe(script, Environment(Variables{{"CXX", "/a/g++"}})),
                                        observe(script, Environment(Variables{{"PREPEND", "1"}}))};
    choose_selectors(derived, names, more);
    return unexplained(derived, more[0]).empty() && unexplained(derived, more[1]).empty();
  };
  CHECK(explained([](Environment& e) {
    if (e.has("CXX")) e.set("PREPEND", "-ccbin");
  }));
  CHECK_FALSE(explained([](Environment& e) {
    if (e.has("CXX")) e.set("PREPEND", "-ccbin=" + e.get_or("CXX", "").substr(0, 2));
  }));
}

TEST_CASE("entering twice doubles nothing") {
  const Script script = [](Environment& e) {
    const std::string path = e.get_or("LIST", "");
    e.set("LIST", "/p/lib" + (path.empty() ? "" : ":" + path));
    e.set("FLAGS", e.get_or("FLAGS", "") + " -O2");
  };
  const std::set<std::string> names{"LIST", "FLAGS"};
  const Derived derived = derive_rules(three(script, names), names);
  const Environment first =
      apply_rules(derived.rules, Environment(Variables{{"LIST", "/mine"}, {"FLAGS", "-g"}}));
  CHECK(first.get("LIST") == "/p/lib:/mine");
  CHECK(apply_rules(derived.rules, first).block() == first.block());
  const Environment from_nothing = apply_rules(derived.rules, {});
  CHECK(apply_rules(derived.rules, from_nothing).block() == from_nothing.block());
}

TEST_CASE("names are found however a script writes them") {
  const auto names = names_in_script(
      "echo $A ${B:-x} \"${C}\" ${!D} ${#E}\n[[ -v F ]]\nt \"G,value\" \"no, not\" '$' $1 ${9x}\n"
      "unset -v H I; unset J\n");
  CHECK(names == std::set<std::string>{"A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "no"});
}

TEST_CASE("guards are broken by another state, not by another value") {
  const Recorded recorded{{}, {{"CXX", Incoming::unset}, {"HOME", Incoming::set}}, {}};
  CHECK(broken_guards(recorded, Environment(Variables{{"HOME", "/a"}})).empty());
  CHECK(broken_guards(recorded, Environment(Variables{{"HOME", "/b"}})).empty());
  CHECK(broken_guards(recorded, Environment(Variables{{"HOME", ""}})).size() == 1);
  CHECK(broken_guards(recorded, Environment(Variables{{"CXX", "g++"}})).size() == 2);
}

}  // namespace hpcenv::shell
