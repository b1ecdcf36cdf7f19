#include "host/target.hpp"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "host/cpu.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::host {
namespace {

namespace fs = std::filesystem;

NodeProfile node(const std::string& hostname, int cuda, const std::string& cpu) {
  NodeProfile profile;
  profile.hostname = hostname;
  profile.machine = "x86_64";
  profile.kernel = "5.14.0-427.el9";
  profile.glibc = "2.34";
  profile.cpu = cpu;
  profile.taken_at = 1'700'000'000;
  if (cuda != 0) {
    LibcudaCandidate driver;
    driver.path = "/usr/lib64/libcuda.so.1";
    driver.end = ProbeEnd::answered;
    driver.version_code = 0;
    driver.cuda_version = cuda;
    driver.init_end = ProbeEnd::answered;
    driver.init_code = 0;
    CudaDevice device;
    device.capability_major = cuda >= 13000 ? 9 : 8;
    driver.devices = {device};
    profile.nvidia.libcuda = {driver};
    profile.nvidia.winner = 0;
  }
  return profile;
}

std::string target_text(const std::vector<NodeProfile>& nodes) {
  base::Json document;
  document["format"] = 1;
  document["nodes"] = base::Json::array();
  for (const NodeProfile& profile : nodes) document["nodes"].push_back(profile_to_json(profile));
  document["reach"] = {{"partition", {"gpu"}}, {"gpu", {{"option", "gres"}}}};
  return base::dump_json(document);
}

const VirtualPackage* find(const VirtualPackages& all, const std::string& name) {
  for (const VirtualPackage& package : all.packages) {
    if (package.name == name) return &package;
  }
  return nullptr;
}

std::string version(const VirtualPackages& all, const std::string& name) {
  const VirtualPackage* package = find(all, name);
  return package == nullptr ? "" : package->version;
}

Error refused(std::string_view text) {
  INFO(text);
  const auto target = parse_target(text, "/t/gpu.json");
  REQUIRE_FALSE(target.has_value());
  CHECK(target.error().kind == ErrorKind::refused);
  CHECK(target.error().message.starts_with("/t/gpu.json"));
  return target.error();
}

TEST_CASE("a target offers the least of its nodes") {
  NodeProfile old = node("gpu02", 12020, "zen2");
  old.glibc = "2.28";
  old.kernel = "4.18.0-553.el8";
  const auto target = parse_target(target_text({node("gpu01", 13000, "icelake"), old}), "gpu.json");
  REQUIRE(target.has_value());
  CHECK(target->name == "gpu");
  CHECK((*target->reach)["gpu"]["option"] == "gres");
  const VirtualPackages least = virtual_packages(*target, base::Environment{}, "linux-64");
  CHECK(version(least, "__cuda") == "12.2");
  CHECK(version(least, "__cuda_arch") == "8.0");
  CHECK(version(least, "__glibc") == "2.28");
  CHECK(version(least, "__linux") == "4.18.0");
  CHECK(find(least, "__archspec")->build == "x86_64_v3");
  CHECK(find(least, "__cuda")->source.ends_with(" on gpu02"));
}

TEST_CASE("what one node lacks, the target lacks") {
  const auto target =
      parse_target(target_text({node("a", 13000, "zen3"), node("b", 0, "zen3")}), "mixed.json");
  const VirtualPackages least = virtual_packages(target.value(), base::Environment{}, "linux-64");
  CHECK(find(least, "__cuda") == nullptr);
  CHECK(find(least, "__cuda_arch") == nullptr);
  CHECK(find(least, "__archspec")->build == "zen3");
}

TEST_CASE("overrides count for a target too, and warn once") {
  base::Environment environment;
  environment.set("CONDA_OVERRIDE_CUDA", "11.8");
  environment.set("CONDA_OVERRIDE_GLIBC", "");
  const auto target =
      parse_target(target_text({node("a", 13000, "zen3"), node("b", 0, "zen3")}), "mixed.json");
  const VirtualPackages least = virtual_packages(target.value(), environment, "linux-64");
  CHECK(version(least, "__cuda") == "11.8");
  CHECK(find(least, "__cuda")->origin == VirtualPackage::Origin::overridden);
  CHECK(least.warnings.size() == 1);
}

TEST_CASE("the answer of a probe and a bare profile are targets") {
  base::Json answer;
  answer["schema"] = 1;
  answer["success"] = true;
  answer["profile"] = profile_to_json(node("gpu07", 12040, "zen4"));
  for (const base::Json& document : {answer, answer["profile"]}) {
    const auto target = parse_target(base::dump_json(document), "/x/node.json");
    REQUIRE(target.has_value());
    CHECK(target->name == "node");
    CHECK(target->nodes.at(0).hostname == "gpu07");
    CHECK(target->reach->empty());
  }
}

TEST_CASE("what is no target is refused by name") {
  refused("");
  refused("[1]");
  refused("{}");
  refused(R"({"schema": 1, "success": false, "error": {}})");
  refused(R"({"format": 1, "nodes": []})");
  refused(R"({"format": 1, "nodes": [{"format": 1}]})");
  CHECK(refused(R"({"format": 9, "nodes": [{}]})").message.find("format 9") != std::string::npos);
}

TEST_CASE("the subdir of a target is that of its nodes") {
  Target target;
  target.name = "gh";
  target.nodes = {node("a", 0, ""), node("b", 0, "")};
  CHECK(subdir_of(target).value() == "linux-64");
  target.nodes[1].machine = "aarch64";
  CHECK(subdir_of(target).error().message.find("x86_64 and aarch64") != std::string::npos);
  target.nodes[0].machine = "aarch64";
  CHECK(subdir_of(target).value() == "linux-aarch64");
  target.nodes[0].machine = target.nodes[1].machine = "vax";
  CHECK(subdir_of(target).error().kind == ErrorKind::refused);
}

TEST_CASE("targets are found by name, the user's before the site's, or by file") {
  const test::TemporaryDirectory directory;
  base::Environment environment;
  environment.set("HOME", (directory.path() / "home").string());
  environment.set("HPCENV_SITE", (directory.path() / "site").string());
  const auto places = target_directories(environment);
  REQUIRE(places.size() == 3);
  CHECK(places[2] == "/etc/hpcenv/targets");
  for (const fs::path& place : {places[0], places[1]}) fs::create_directories(place);
  REQUIRE(base::write_file(places[1] / "gpu.json", target_text({node("site", 0, "")})));
  REQUIRE(base::write_file(places[1] / "cpu.json", target_text({node("cpu", 0, "")})));
  REQUIRE(base::write_file(places[0] / "gpu.json", target_text({node("mine", 0, "")})));

  CHECK(load_target("gpu", places, directory.path())->nodes[0].hostname == "mine");
  CHECK(load_target("cpu", places, directory.path())->nodes[0].hostname == "cpu");
  CHECK(load_target("site/targets/gpu.json", places, directory.path())->nodes[0].hostname ==
        "site");

  const auto unknown = load_target("gpux", places, directory.path());
  REQUIRE_FALSE(unknown.has_value());
  CHECK(unknown.error().kind == ErrorKind::not_found);
  CHECK(unknown.error().hints.at(0) == "there are: cpu, gpu");
  const auto missing = load_target("./none.json", places, directory.path());
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().kind == ErrorKind::not_found);
  CHECK(missing.error().hints.at(0).find("hpcenv probe --json") != std::string::npos);

  REQUIRE(base::write_file(places[0] / "cpu.json", "broken"));
  CHECK(load_target("cpu", places, directory.path()).error().kind == ErrorKind::refused);
}

TEST_CASE("XDG_CONFIG_HOME moves the user's targets") {
  base::Environment environment;
  environment.set("HOME", "/home/u");
  environment.set("XDG_CONFIG_HOME", "/conf");
  CHECK(target_directories(environment).at(0) == "/conf/hpcenv/targets");
  CHECK(target_directories(base::Environment{}).size() == 1);
}

TEST_CASE("microarchitectures have their nearest in common") {
  const auto common = [](const std::string& one, const std::string& other) {
    return common_microarchitecture(one, other, "x86_64");
  };
  CHECK(common("zen3", "zen3") == "zen3");
  CHECK(common("zen4", "zen2") == "zen2");
  CHECK(common("zen4", "icelake") == "x86_64_v4");
  CHECK(common("zen3", "sapphirerapids") == "x86_64_v3");
  CHECK(common("x86_64_v2", "zen3") == "x86_64_v2");
  CHECK(common("something", "zen3") == "x86_64");
  CHECK(common_microarchitecture("neoverse_v2", "a64fx", "aarch64") == "aarch64");
}

}  // namespace
}  // namespace hpcenv::host
