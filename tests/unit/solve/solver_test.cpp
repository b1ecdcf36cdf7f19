#include "solve/solver.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

namespace hpcenv::solve {
namespace {

index::ChannelIndex index_of(std::vector<std::string> names) {
  index::ChannelIndex index;
  index.channels.push_back({"main", "https://example.org/main"});
  for (std::string& name : names) {
    conda::PackageRecord record;
    record.name = name;
    record.version = "1";
    record.build = "0";
    index.records.push_back({record, 0});
    index.all_names.push_back(std::move(name));
  }
  return index;
}

Result<SolveOutcome> outcome_of(const index::ChannelIndex& index, std::string_view spec) {
  SolveRequest request;
  request.index = &index;
  request.specs.push_back(conda::MatchSpec::parse(spec).value());
  return solve(request);
}

TEST_CASE("a request without an index is a bug of ours") {
  const auto outcome = solve({});
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().kind == ErrorKind::bug);
}

TEST_CASE("a pattern as a name has to fit one package") {
  const auto index = index_of({"cudnn", "numpy", "numpydoc"});
  REQUIRE(outcome_of(index, "cud*").has_value());
  const auto packages = std::get<Solution>(outcome_of(index, "cud*").value()).packages;
  REQUIRE(packages.size() == 1);
  CHECK(packages[0].name == "cudnn");
  const auto two = outcome_of(index, "numpy*");
  REQUIRE_FALSE(two.has_value());
  CHECK(two.error().kind == ErrorKind::bad_spec);
  CHECK(two.error().message == "'numpy*' has to mean one package, but it fits numpy, numpydoc");
  CHECK(outcome_of(index, "x*").error().message ==
        "'x*' has to mean one package, but it fits none");
}

Solution solved(const SolveRequest& request) {
  const auto outcome = solve(request);
  REQUIRE(outcome.has_value());
  REQUIRE(std::holds_alternative<Solution>(*outcome));
  return std::get<Solution>(*outcome);
}

TEST_CASE("an installed record that stays is the one of the request, byte for byte") {
  auto index = index_of({"a", "b"});
  index.records[0].record.sha256 = "11";
  SolveRequest request;
  request.index = &index;
  request.specs.push_back(conda::MatchSpec::parse("b").value());
  conda::PackageRecord installed = index.records[0].record;
  installed.license = "only the prefix knows it";
  SECTION("the same archive") {
    request.installed = {installed};
    const auto packages = solved(request).packages;
    REQUIRE(packages.size() == 2);
    CHECK(packages[0].license == "only the prefix knows it");
  }
  SECTION("another archive of the same name, version and build stays too") {
    installed.sha256 = "22";
    request.installed = {installed};
    const auto packages = solved(request).packages;
    REQUIRE(packages.size() == 2);
    CHECK(packages[0].sha256 == "22");
  }
  SECTION("asked for by hash, the other archive comes in its place") {
    installed.sha256 = "22";
    request.installed = {installed};
    request.specs.push_back(conda::MatchSpec::parse("a[sha256=11]").value());
    const auto packages = solved(request).packages;
    REQUIRE(packages.size() == 2);
    CHECK(packages[0].sha256 == "11");
  }
}

TEST_CASE("an installed package that no channel has is no unknown name") {
  const auto index = index_of({"b"});
  SolveRequest request;
  request.index = &index;
  request.installed.emplace_back();
  request.installed[0].name = "own";
  request.installed[0].version = "1";
  request.installed[0].build = "0";
  request.specs.push_back(conda::MatchSpec::parse("own").value());
  const Solution solution = solved(request);
  REQUIRE(solution.packages.size() == 1);
  REQUIRE(solution.asked.size() == 1);
  CHECK(solution.asked[0].name == "own");
  CHECK(solution.asked[0].reason.empty());
}

TEST_CASE("a pattern to update that cannot be read is a bad spec") {
  const auto index = index_of({"b"});
  SolveRequest request;
  request.index = &index;
  request.update = {"^($"};
  const auto outcome = solve(request);
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().kind == ErrorKind::bad_spec);
}

TEST_CASE("a record whose version cannot be read is not offered") {
  auto index = index_of({"a", "a"});
  index.records[0].record.version = "9..9";
  const auto packages = std::get<Solution>(outcome_of(index, "a").value()).packages;
  REQUIRE(packages.size() == 1);
  CHECK(packages[0].version == "1");
}

}  // namespace
}  // namespace hpcenv::solve
