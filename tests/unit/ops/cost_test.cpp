#include "ops/cost.hpp"

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <string>

#include "host/quota.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::ops {
namespace {

conda::PackageRecord record(const std::string& name, std::uint64_t size) {
  conda::PackageRecord package;
  package.name = name;
  package.version = "1";
  package.build = "0";
  package.size = size;
  return package;
}

// No program that tells of quotas is found.
struct NoQuotas {
  base::Environment environment;
  std::unique_ptr<base::ProcessRunner> runner = base::make_process_runner();
  NoQuotas() { environment.set("PATH", "/nowhere"); }
  QuotaSource source() const { return {environment, *runner}; }
};

TEST_CASE("what is not in a cache is estimated, and called so") {
  const test::TemporaryDirectory directory;
  prefix::Plan plan;
  plan.prefix = directory / "env";
  plan.link = {record("a", 1000), record("b", 1 << 20)};
  const Cost cost = estimate_cost(plan, nullptr, NoQuotas().source()).value();
  CHECK(cost.fetch.size() == 2);
  CHECK(cost.download_bytes == 1000 + (1 << 20));
  CHECK(cost.bytes == 4 * cost.download_bytes);
  CHECK(cost.inodes == 1 + 257);
  CHECK(cost.precision == Cost::Precision::estimated);
  CHECK(cost.free_bytes > 0);
}

TEST_CASE("a plan that links nothing costs nothing") {
  const test::TemporaryDirectory directory;
  prefix::Plan plan;
  plan.prefix = directory / "env";
  const Cost cost = estimate_cost(plan, nullptr, NoQuotas().source()).value();
  CHECK(cost.bytes == 0);
  CHECK(cost.precision == Cost::Precision::exact);
  CHECK(require_room_to_fetch(cost, directory / "pkgs", NoQuotas().source()).has_value());
}

TEST_CASE("what can never fit is refused before it is fetched") {
  const test::TemporaryDirectory directory;
  Cost cost;
  cost.fetch = {record("huge", 1ULL << 60)};
  cost.download_bytes = 1ULL << 60;
  const auto refused = require_room_to_fetch(cost, directory / "pkgs", NoQuotas().source());
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().kind == ErrorKind::no_space);
  CHECK(refused.error().message.find("1.0 EiB") != std::string::npos);
  CHECK(refused.error().message.find((directory / "pkgs").string()) != std::string::npos);
  CHECK(refused.error().hints.at(0).find("HPCENV_ROOT") != std::string::npos);
}

TEST_CASE("the room of a path that is not there yet is that of its parent") {
  const test::TemporaryDirectory directory;
  const host::Room room = host::room_at(directory / "a/b/c").value();
  CHECK(room.bytes > 0);
  CHECK(room.limited_by.find("a/b/c") != std::string::npos);
}

}  // namespace
}  // namespace hpcenv::ops
