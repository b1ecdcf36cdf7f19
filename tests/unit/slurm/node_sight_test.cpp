#include "slurm/node_sight.hpp"

#include <catch2/catch_test_macros.hpp>

#include "base/json.hpp"

namespace hpcenv::slurm {
namespace {

NodeSight sight(const std::string& node, const std::string& driver) {
  NodeSight it;
  it.node = node;
  it.profile.hostname = node;
  it.profile.machine = "x86_64";
  it.profile.glibc = "2.36";
  it.profile.nvidia.kernel_module = driver;
  it.visible = {"/home/a", "/scratch"};
  it.local = "/local";
  it.local_bytes = 100;
  it.interfaces = {{"eth0", "10.0.0.1", true}};
  it.slurm_address = "10.0.0.1";
  it.net = "direct";
  return it;
}

}  // namespace

TEST_CASE("what all nodes have in common is what a target says") {
  NodeSight other = sight("gpu02", "580.65.06");
  other.visible = {"/scratch"};
  other.local_bytes = 50;
  other.local_is_ram = true;
  other.net = "none";
  Reach reach;
  learn_from_nodes({sight("gpu01", "535.261.03"), other}, 9, reach);
  CHECK(reach.text(ReachField::arch) == "x86_64");
  CHECK(reach.values(ReachField::workdir) == std::vector<std::string>{"/scratch"});
  CHECK(reach.text(ReachField::local) == "/local");
  CHECK(reach.text(ReachField::local_size) == "50");
  CHECK(reach.text(ReachField::local_is_ram) == "yes");
  CHECK(reach.text(ReachField::net) == "none");
  CHECK(reach.text(ReachField::interface) == "eth0");
  CHECK(reach.find(ReachField::net)->source == ReachSource::probe);
  CHECK(reach.find(ReachField::net)->when == 9);
  other.local = "$TMPDIR";
  Reach differing;
  learn_from_nodes({sight("gpu01", ""), other}, 9, differing);
  CHECK_FALSE(differing.has(ReachField::local));
  CHECK_FALSE(differing.has(ReachField::local_size));
  learn_from_nodes({}, 9, differing);
}

TEST_CASE("what people wrote of a target survives a look at its nodes") {
  Reach reach;
  reach.set(ReachField::interface, {{"ib7"}, ReachSource::user, 1});
  reach.set(ReachField::local, {{"$FAST_DISK"}, ReachSource::site_file, 1});
  reach.set(ReachField::net, {{"proxy"}, ReachSource::probe, 1});
  learn_from_nodes({sight("gpu01", "")}, 9, reach);
  CHECK(reach.text(ReachField::interface) == "ib7");
  CHECK(reach.text(ReachField::local) == "$FAST_DISK");
  CHECK(reach.text(ReachField::net) == "direct");
}

TEST_CASE("one profile for each kind of node, and the drivers in order") {
  const std::vector<NodeSight> all{sight("a", "580.65.06"), sight("b", "535.261.03"),
                                   sight("c", "580.65.06")};
  const auto profiles = distinct_profiles(all);
  REQUIRE(profiles.size() == 2);
  CHECK(profiles[0].hostname == "a");
  CHECK(profiles[1].hostname == "b");
  CHECK(drivers_text(all) == "535.261.03 (b), 580.65.06 (a, c)");
  CHECK(drivers_text({all[0], all[2]}).empty());
  CHECK(drivers_text({sight("a", ""), all[0]}) == "none (a), 580.65.06 (a)");
}

TEST_CASE("the interface that other nodes reach") {
  NodeSight it = sight("gpu01", "");
  CHECK(interface_of(it) == "eth0");
  it.interfaces = {{"eth0", "192.0.2.1", true}, {"eth1", "10.0.0.1", true}};
  CHECK(interface_of(it) == "eth1");
  it.interfaces.push_back({"ib0", "10.9.0.1", false});
  CHECK(interface_of(it) == "eth1");
  it.interfaces.back().up = true;
  CHECK(interface_of(it) == "ib0");
  it.interfaces.push_back({"hsn0", "10.8.0.1", true});
  CHECK(interface_of(it) == "hsn");
  it.interfaces.clear();
  CHECK(interface_of(it).empty());
}

TEST_CASE("what was seen comes back from its JSON") {
  NodeSight it = sight("gpu01", "535.261.03");
  it.suffix = "i";
  it.job = "7";
  it.ran_from = "/scratch/x";
  it.own_address = "192.0.2.1";
  const base::Json json = sight_to_json(it);
  const auto back = sight_from_json(json, "x");
  REQUIRE(back);
  CHECK(sight_to_json(*back) == json);
  for (const base::Json& bad : {base::Json("text"), base::Json::object()}) {
    const auto read = sight_from_json(bad, "x.json");
    REQUIRE_FALSE(read);
    CHECK(read.error().kind == ErrorKind::refused);
    CHECK(read.error().message.find("x.json") != std::string::npos);
  }
}

}  // namespace hpcenv::slurm
