#include "prefix/plan.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace hpcenv;
using namespace hpcenv::prefix;

namespace {

conda::PackageRecord record(const std::string& name, const std::string& version,
                            const std::string& sha256 = "") {
  conda::PackageRecord made;
  made.name = name;
  made.version = version;
  made.build = "0";
  made.subdir = "linux-64";
  made.sha256 = sha256;
  return made;
}

PrefixState state_of(const std::vector<conda::PackageRecord>& records) {
  PrefixState state{"/p", {}, {}};
  for (const conda::PackageRecord& installed : records) {
    state.packages.emplace_back().record = installed;
  }
  return state;
}

std::vector<std::string> names(const std::vector<conda::PackageRecord>& records) {
  std::vector<std::string> list;
  list.reserve(records.size());
  for (const conda::PackageRecord& named : records) list.push_back(named.dist_name());
  return list;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("plan: into nothing, all of the solution in its order, without virtual packages") {
  const Plan plan =
      make_plan({"/p", {}, {}},
                std::vector{record("zlib", "1"), record("__glibc", "2.36"), record("abc", "2")});
  CHECK(plan.prefix == "/p");
  CHECK(names(plan.link) == Names{"zlib-1-0", "abc-2-0"});
  CHECK(plan.unlink.empty());
}

TEST_CASE("plan: what is there stays, what changed is replaced, what is not wanted goes") {
  const PrefixState state = state_of({record("a", "1"), record("b", "1"), record("c", "1")});
  const Plan plan = make_plan(state, std::vector{record("a", "1"), record("b", "2")});
  CHECK(names(plan.link) == Names{"b-2-0"});
  CHECK(names(plan.unlink) == Names{"b-1-0", "c-1-0"});
}

TEST_CASE("plan: checksums tell archives of one name apart, where both have them") {
  const PrefixState state = state_of({record("a", "1", "aa"), record("b", "1")});
  const Plan plan = make_plan(state, std::vector{record("a", "1", "bb"), record("b", "1", "cc")});
  CHECK(names(plan.link) == Names{"a-1-0"});
  CHECK(names(plan.unlink) == Names{"a-1-0"});
}

TEST_CASE("plan: another python minor links noarch python packages again") {
  conda::PackageRecord noarch = record("click", "8");
  noarch.noarch = conda::Noarch::python;
  const PrefixState state = state_of({noarch, record("python", "3.11.2"), record("zlib", "1")});
  const Plan minor =
      make_plan(state, std::vector{record("zlib", "1"), record("python", "3.12.0"), noarch});
  CHECK(names(minor.link) == Names{"python-3.12.0-0", "click-8-0"});
  CHECK(names(minor.unlink) == Names{"click-8-0", "python-3.11.2-0"});
  const Plan patch =
      make_plan(state, std::vector{record("zlib", "1"), record("python", "3.11.9"), noarch});
  CHECK(names(patch.link) == Names{"python-3.11.9-0"});
}

TEST_CASE("plan: noarch packages follow a python that looks elsewhere, whatever its version") {
  conda::PackageRecord noarch = record("module", "1");
  noarch.noarch = conda::Noarch::python;
  conda::PackageRecord threaded = record("python", "3.13.1");
  threaded.build = "h1_cp313t";
  const PrefixState state = state_of({noarch, record("python", "3.13.1")});
  const Plan plan = make_plan(state, std::vector{noarch, threaded});
  CHECK(names(plan.link) == Names{"module-1-0", "python-3.13.1-h1_cp313t"});
}
