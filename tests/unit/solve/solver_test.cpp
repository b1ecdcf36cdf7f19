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

TEST_CASE("a record whose version cannot be read is not offered") {
  auto index = index_of({"a", "a"});
  index.records[0].record.version = "9..9";
  const auto packages = std::get<Solution>(outcome_of(index, "a").value()).packages;
  REQUIRE(packages.size() == 1);
  CHECK(packages[0].version == "1");
}

}  // namespace
}  // namespace hpcenv::solve
