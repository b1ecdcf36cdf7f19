#include "ops/removal.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

namespace hpcenv::ops {
namespace {

using Texts = std::vector<std::string>;

conda::PrefixRecord package(const std::string& name, Texts depends = {}) {
  conda::PrefixRecord installed;
  installed.record.name = name;
  installed.record.version = "1.0";
  installed.record.build = "0";
  installed.record.depends = std::move(depends);
  return installed;
}

/// app needs lib and python; lib needs base; python and pip need each other; tool needs base.
prefix::PrefixState sample() {
  prefix::PrefixState state;
  state.prefix = "/env";
  state.packages = {package("app", {"lib >=1", "python", "__glibc >=2.17"}),
                    package("base"),
                    package("lib", {"base 1.*"}),
                    package("lone"),
                    package("pip", {"python"}),
                    package("python", {"pip", "base"}),
                    package("tool", {"base", "not >>readable"})};
  return state;
}

std::vector<conda::MatchSpec> specs(const Texts& texts) {
  std::vector<conda::MatchSpec> list;
  for (const std::string& text : texts) list.push_back(conda::MatchSpec::parse(text).value());
  return list;
}

Removal removal(const Texts& asked, const Texts& wished, Dependents dependents = Dependents::go,
                Orphans orphans = Orphans::prune) {
  return plan_removal(sample(), specs(asked), specs(wished), dependents, orphans).value();
}

Texts staying(const Removal& removal) {
  Texts names;
  for (const conda::PackageRecord& record : removal.stay) names.push_back(record.name);
  return names;
}

TEST_CASE("what needs a removed package goes too") {
  const Removal gone = removal({"base"}, {"app", "tool", "lone"});
  CHECK(gone.asked == Texts{"base"});
  CHECK(gone.dependents == Texts{"app", "lib", "pip", "python", "tool"});
  CHECK(staying(gone) == Texts{"lone"});
}

TEST_CASE("what only removed packages needed goes too, cycles as well") {
  const Removal gone = removal({"app"}, {"app", "tool"});
  CHECK(gone.dependents.empty());
  CHECK(gone.orphans == Texts{"lib", "pip", "python"});
  CHECK(staying(gone) == Texts{"base", "lone", "tool"});
}

TEST_CASE("what was asked for stays, with what it needs") {
  CHECK(staying(removal({"app"}, {"pip"})) == Texts{"base", "lone", "pip", "python", "tool"});
}

TEST_CASE("packages that nobody asked for but that never belonged to what goes stay") {
  CHECK(staying(removal({"tool"}, {})) == Texts{"app", "base", "lib", "lone", "pip", "python"});
}

TEST_CASE("orphans may be kept") {
  const Removal gone = removal({"app"}, {}, Dependents::go, Orphans::keep);
  CHECK(gone.orphans.empty());
  CHECK(staying(gone).size() == 6);
}

TEST_CASE("force takes just the named and says what lacks them") {
  const Removal gone = removal({"lib"}, {}, Dependents::stay);
  CHECK(staying(gone).size() == 6);
  CHECK(gone.broken == Texts{"app"});
}

TEST_CASE("specs may hold patterns and versions") {
  CHECK(removal({"l*", "tool=1.0"}, {}).asked == Texts{"lib", "lone", "tool"});
}

TEST_CASE("what is not installed is named, with what is near") {
  const auto unknown = plan_removal(sample(), specs({"pyton"}), {}, Dependents::go, Orphans::prune);
  REQUIRE_FALSE(unknown.has_value());
  CHECK(unknown.error().kind == ErrorKind::not_found);
  CHECK(unknown.error().message == "'pyton' is not installed in /env");
  CHECK(unknown.error().hints.at(0) == "did you mean: python");
  const auto other = plan_removal(sample(), specs({"pip=2"}), {}, Dependents::go, Orphans::prune);
  CHECK(other.error().context.at(0) == "installed is pip-1.0-0");
}

}  // namespace
}  // namespace hpcenv::ops
