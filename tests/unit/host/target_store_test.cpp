#include "host/target_store.hpp"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::host {
namespace {

namespace fs = std::filesystem;

NodeProfile node(const std::string& hostname, std::int64_t taken_at,
                 const std::string& machine = "x86_64") {
  NodeProfile profile;
  profile.hostname = hostname;
  profile.machine = machine;
  profile.kernel = "5.14.0";
  profile.taken_at = taken_at;
  return profile;
}

std::vector<std::string> names(const Target& target) {
  std::vector<std::string> list;
  list.reserve(target.nodes.size());
  for (const NodeProfile& one : target.nodes) list.push_back(one.hostname);
  return list;
}

using base::Json;
using Names = std::vector<std::string>;

TEST_CASE("nodes are added, taken anew and replaced", "[target]") {
  const test::TemporaryDirectory work;
  const fs::path folder = work.path() / "a/targets";
  REQUIRE(store_nodes("gpu", {node("n1", 10), node("n2", 20)}, Storing::add, folder));
  const auto anew = store_nodes("gpu", {node("n1", 30), node("n3", 40)}, Storing::add, folder);
  REQUIRE(anew);
  CHECK(names(*anew) == Names{"n1", "n2", "n3"});
  CHECK(oldest_profile(*anew) == 20);
  const auto loaded = load_target("gpu", {folder}, "/");
  REQUIRE(loaded);
  CHECK(names(*loaded) == Names{"n1", "n2", "n3"});
  const auto replaced = store_nodes("gpu", {node("n9", 50)}, Storing::replace, folder);
  REQUIRE(replaced);
  CHECK(names(*replaced) == Names{"n9"});
}

TEST_CASE("nodes without a name do not take each other's place", "[target]") {
  const test::TemporaryDirectory work;
  REQUIRE(store_nodes("gpu", {node("", 10)}, Storing::add, work.path()));
  const auto both = store_nodes("gpu", {node("", 20)}, Storing::add, work.path());
  REQUIRE(both);
  CHECK(both->nodes.size() == 2);
}

TEST_CASE("what others wrote into a target stays", "[target]") {
  const test::TemporaryDirectory work;
  Json document = {{"format", 1}, {"reach", {{"partition", "a100"}}}, {"later", {1, 2}}};
  Json known = profile_to_json(node("n1", 10));
  known["unheard_of"] = true;
  document["nodes"] = Json::array({known});
  const fs::path file = work.path() / "gpu.json";
  REQUIRE(base::write_file(file, base::dump_json(document)));
  const auto target = store_nodes("gpu", {node("n2", 20)}, Storing::add, work.path());
  REQUIRE(target);
  CHECK((*target->reach)["partition"] == "a100");
  const auto written = base::parse_json(*base::read_file(file), "the target");
  REQUIRE(written);
  CHECK((*written)["later"] == Json({1, 2}));
  CHECK((*written)["nodes"][0]["unheard_of"] == true);
}

TEST_CASE("a profile that lies there as it came becomes a target", "[target]") {
  const test::TemporaryDirectory work;
  const Json probed = {{"schema", 1}, {"profile", profile_to_json(node("n1", 10))}};
  REQUIRE(base::write_file(work.path() / "gpu.json", base::dump_json(probed)));
  const auto target = store_nodes("gpu", {node("n2", 20)}, Storing::add, work.path());
  REQUIRE(target);
  CHECK(names(*target) == Names{"n1", "n2"});
}

TEST_CASE("what cannot be a target leaves the file as it was", "[target]") {
  const test::TemporaryDirectory work;
  REQUIRE(store_nodes("gpu", {node("n1", 10)}, Storing::add, work.path()));
  const fs::path file = work.path() / "gpu.json";
  const std::string before = *base::read_file(file);
  const auto mixed = store_nodes("gpu", {node("n2", 20, "aarch64")}, Storing::add, work.path());
  REQUIRE_FALSE(mixed);
  CHECK(mixed.error().kind == ErrorKind::refused);
  CHECK(*base::read_file(file) == before);
  REQUIRE(base::write_file(file, "no JSON"));
  const auto broken = store_nodes("gpu", {node("n2", 20)}, Storing::add, work.path());
  REQUIRE_FALSE(broken);
  CHECK(broken.error().message.find(file.string()) != std::string::npos);
  CHECK(*base::read_file(file) == "no JSON");
  CHECK(*base::list_directory(work.path()) == Names{".lock", "gpu.json"});
}

TEST_CASE("nodes and targets are removed", "[target]") {
  const test::TemporaryDirectory work;
  REQUIRE(store_nodes("gpu", {node("n1", 10), node("n2", 20)}, Storing::add, work.path()));
  CHECK(remove_node("gpu", "n7", work.path()).error().kind == ErrorKind::not_found);
  CHECK(names(*remove_node("gpu", "n1", work.path())) == Names{"n2"});
  CHECK(remove_node("gpu", "n2", work.path()).error().kind == ErrorKind::refused);
  CHECK(remove_node("cpu", "n2", work.path()).error().kind == ErrorKind::not_found);
  REQUIRE(remove_target("gpu", work.path()));
  CHECK(remove_target("gpu", work.path()).error().kind == ErrorKind::not_found);
  CHECK(stored_targets({work.path()}).empty());
}

TEST_CASE("all nodes of a job may store themselves at once", "[target]") {
  constexpr int count = 12;
  const test::TemporaryDirectory work;
  std::atomic<int> stored = 0;
  {
    std::vector<std::jthread> threads;
    threads.reserve(count);
    for (int i = 0; i < count; ++i) {
      threads.emplace_back([&, i] {
        const auto target =
            store_nodes("gpu", {node("n" + std::to_string(i), 10)}, Storing::add, work.path());
        stored += target.has_value() ? 1 : 0;
      });
    }
  }
  CHECK(stored == count);
  const auto target = load_target("gpu", {work.path()}, "/");
  REQUIRE(target);
  CHECK(target->nodes.size() == count);
}

TEST_CASE("names of targets are words that no shell reads otherwise", "[target]") {
  for (const char* name : {"gpu", "a100-80gb", "GPU_long", "h100.new"})
    CHECK(check_target_name(name));
  for (const char* name : {"", "-n", "a b", "../x", "x.json", "a/b", "ä", "$x", ".hidden"}) {
    INFO(name);
    const auto checked = check_target_name(name);
    REQUIRE_FALSE(checked);
    CHECK(checked.error().kind == ErrorKind::usage);
  }
}

TEST_CASE("ages of profiles", "[target]") {
  constexpr std::int64_t day = 86400;
  CHECK(age_text(age_in_days(100 * day, 100 * day + 5)) == "today");
  CHECK(age_text(age_in_days(100 * day, 101 * day)) == "1 day ago");
  CHECK(age_text(age_in_days(100 * day, 90 * day)) == "today");
  CHECK(age_text(age_in_days(0, 90 * day)) == "nobody knows when");
  CHECK_FALSE(is_old(age_in_days(day, 31 * day)));
  CHECK(is_old(age_in_days(day, 32 * day)));
  CHECK_FALSE(is_old(std::nullopt));
}

TEST_CASE("the first directory that has a target wins", "[target]") {
  const test::TemporaryDirectory work;
  const fs::path own = work.path() / "own";
  const fs::path site = work.path() / "site";
  REQUIRE(store_nodes("gpu", {node("mine", 10)}, Storing::add, own));
  REQUIRE(store_nodes("gpu", {node("theirs", 10)}, Storing::add, site));
  REQUIRE(store_nodes("cpu", {node("c1", 10)}, Storing::add, site));
  const auto known = stored_targets({own, work.path() / "nowhere", site});
  REQUIRE(known.size() == 2);
  CHECK(known[0].file == site / "cpu.json");
  CHECK(known[1].file == own / "gpu.json");
}

}  // namespace
}  // namespace hpcenv::host
