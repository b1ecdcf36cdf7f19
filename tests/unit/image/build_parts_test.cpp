// The pure parts of a build: which packages share a layer, what is added, what the image starts
// with.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <set>
#include <string>

#include "base/fs.hpp"
#include "image/added_files.hpp"
#include "image/gpu_variables.hpp"
#include "image/layer_plan.hpp"
#include "image/run_config.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::image {
namespace {

conda::PackageRecord package(const std::string& name, std::uint64_t size = 1000) {
  conda::PackageRecord record;
  record.name = name;
  record.version = "1.0";
  record.build = "0";
  record.subdir = "linux-64";
  record.size = size;
  record.sha256 = std::string(64, 'a');
  return record;
}

RunFacts facts_for(const std::string& prefix) {
  shell::ActivationInput input;
  input.prefix = prefix;
  input.environment_name = "e";
  RunFacts facts;
  facts.activation = shell::activation_of(input);
  facts.prefix = prefix;
  return facts;
}

bool has(const ImageConfig& config, const std::string& entry) {
  return std::ranges::find(config.environment, entry) != config.environment.end();
}

bool names(const ImageConfig& config, const std::string& name) {
  return std::ranges::any_of(
      config.environment, [&](const std::string& entry) { return entry.starts_with(name + "="); });
}

}  // namespace

TEST_CASE("large packages have layers of their own, the largest first") {
  const std::vector<conda::PackageRecord> records = {
      package("a", 11'000'000), package("b", 900'000'000), package("c"), package("d")};
  const auto groups = group_packages(records, 50);
  REQUIRE(groups.size() >= 3);
  CHECK(groups[0] == PackageGroup{1});
  CHECK(groups[1] == PackageGroup{0});
  std::multiset<std::size_t> all;
  for (const PackageGroup& group : groups) all.insert(group.begin(), group.end());
  CHECK(all == std::multiset<std::size_t>{0, 1, 2, 3});
}

TEST_CASE("there are never more layers than there may be, and no package is left out") {
  std::vector<conda::PackageRecord> records;
  records.reserve(300);
  for (int i = 0; i < 300; ++i) {
    records.push_back(package(fmt::format("p{}", i), i % 2 == 0 ? 20'000'000 : 500));
  }
  for (const std::size_t budget : {1U, 2U, 3U, 9U, 48U, 100U, 1000U}) {
    INFO(budget);
    const auto groups = group_packages(records, budget);
    CHECK(groups.size() <= budget);
    CHECK(groups.size() <= most_own_layers + most_shared_layers);
    std::size_t count = 0;
    for (const PackageGroup& group : groups) count += group.size();
    CHECK(count == records.size());
  }
}

TEST_CASE("a small package that changes touches one layer") {
  std::vector<conda::PackageRecord> records;
  records.reserve(60);
  for (int i = 0; i < 60; ++i) {
    records.push_back(package(fmt::format("p{}", i)));
    if (i % 2 == 0) records.back().noarch = conda::Noarch::python;
  }
  LayerRules rules;
  rules.prefix = "/opt/envs/e";
  rules.compression = "gzip";
  const auto keys = [&] {
    std::set<std::string> all;
    for (const PackageGroup& group : group_packages(records, 90)) {
      all.insert(layer_key(records, group, rules, {}));
    }
    return all;
  };
  const auto before = keys();
  records[7].sha256 = std::string(64, 'b');
  const auto after = keys();
  std::vector<std::string> same;
  std::ranges::set_intersection(before, after, std::back_inserter(same));
  CHECK(before.size() == most_shared_layers);
  CHECK(same.size() == before.size() - 1);
}

TEST_CASE("packages that need Python share no layer with others") {
  std::vector<conda::PackageRecord> records;
  records.reserve(40);
  for (int i = 0; i < 40; ++i) {
    records.push_back(package(fmt::format("p{}", i)));
    if (i % 3 == 0) records.back().depends = {"python >=3.9"};
  }
  for (const PackageGroup& group : group_packages(records, 90)) {
    const auto of_python = std::ranges::count_if(
        group, [&](std::size_t index) { return !records[index].depends.empty(); });
    CHECK((of_python == 0 || of_python == static_cast<std::ptrdiff_t>(group.size())));
  }
}

TEST_CASE("a layer's key is of all that decides its bytes") {
  std::vector<conda::PackageRecord> records = {package("a")};
  LayerRules rules;
  rules.prefix = "/opt/envs/e";
  rules.compression = "gzip";
  const PackageGroup group{0};
  std::set<std::string> keys = {layer_key(records, group, rules, {})};
  const auto is_new = [&](const LayerRules& other, const std::vector<std::string>& lost = {}) {
    return keys.insert(layer_key(records, group, other, lost)).second;
  };
  CHECK_FALSE(is_new(rules));
  LayerRules other = rules;
  other.prefix = "/opt/envs/f";
  CHECK(is_new(other));
  other = rules;
  other.compression = "zstd";
  CHECK(is_new(other));
  other = rules;
  other.is_slim = true;
  CHECK(is_new(other));
  other = rules;
  other.newest = 5;
  CHECK(is_new(other));
  CHECK(is_new(rules, {".hpcenv/clobbered/a/bin/x"}));
  // Python decides the bytes of packages that need it only.
  const conda::PackageRecord python = package("python");
  other = rules;
  other.python = &python;
  CHECK_FALSE(is_new(other));
  records[0].noarch = conda::Noarch::python;
  CHECK(is_new(other));
  other.has_bytecode = false;
  CHECK(is_new(other));
}

TEST_CASE("what is added says where it goes") {
  CHECK(parse_added("a:b/c:/opt/x/")->target == "/opt/x");
  CHECK(parse_added("a:b/c:/opt/x/")->source == "a:b/c");
  CHECK(parse_added("a:/opt/./x//y")->target == "/opt/x/y");
  for (const char* bad : {"a", "a:", "a:opt", ":/opt", "a:/opt/../etc", ""}) {
    INFO(bad);
    const auto added = parse_added(bad);
    REQUIRE_FALSE(added.has_value());
    CHECK(added.error().kind == ErrorKind::usage);
  }
}

TEST_CASE("added directories are read without what nobody ships") {
  const test::TemporaryDirectory directory;
  directory.write("code/main.py", "print()");
  directory.write("code/.git/config", "x");
  directory.write("code/pkg/__pycache__/m.pyc", "x");
  directory.write("code/pkg/m.py", "");
  std::filesystem::create_symlink("../main.py", directory.path() / "code/pkg/link");
  const auto layer = read_added({directory.path() / "code", "/srv/app"}, "/opt/envs/e", 7);
  REQUIRE(layer);
  std::vector<std::string> paths;
  for (const LayerEntry& entry : layer->entries) paths.push_back(entry.path);
  CHECK(paths == std::vector<std::string>{"srv", "srv/app", "srv/app/main.py", "srv/app/pkg",
                                          "srv/app/pkg/link", "srv/app/pkg/m.py"});
  CHECK(layer->entries[2].modified == 7);
  CHECK(layer->entries[4].text == "../main.py");
  CHECK(layer->notes.size() == 2);
  CHECK_FALSE(layer->is_large);
}

TEST_CASE("nothing is added into the environment, over it, or from nowhere") {
  const test::TemporaryDirectory directory;
  directory.write("tree/envs/e/bin/python", "x");
  directory.write("file", "x");
  const auto kind_of = [&](const char* source, const char* target) {
    const auto layer = read_added({directory.path() / source, target}, "/opt/envs/e", 0);
    REQUIRE_FALSE(layer.has_value());
    return layer.error().kind;
  };
  CHECK(kind_of("file", "/opt/envs/e/bin/python") == ErrorKind::refused);
  CHECK(kind_of("file", "/opt/envs/e") == ErrorKind::refused);
  CHECK(kind_of("file", "/opt") == ErrorKind::refused);
  CHECK(kind_of("missing", "/srv/x") == ErrorKind::not_found);
  directory.write("root/opt/envs/e/bin/python", "x");
  CHECK(kind_of("root", "/") == ErrorKind::refused);
  CHECK(read_added({directory.path() / "tree", "/"}, "/opt/envs/e", 0).has_value());
}

TEST_CASE("an image starts with the environment active, and without an entrypoint") {
  ImageConfig base;
  base.environment = {"PATH=/usr/bin:/bin", "CUDA_VERSION=12.1", "LD_LIBRARY_PATH=/usr/local/cuda",
                      "KEPT=1"};
  base.entrypoint = {"/start"};
  base.command = {"bash"};
  RunFacts facts = facts_for("/opt/envs/e");
  facts.has_python = true;
  facts.base_has_utf8 = true;
  facts.certificates = "/opt/envs/e/ssl/cacert.pem";
  RunWishes wishes;
  wishes.environment = {"MINE=a=b"};
  wishes.labels = {"l=1"};
  wishes.user = "1000";
  wishes.working_directory = "/srv/app";
  const auto run = run_config(base, facts, wishes);
  REQUIRE(run);
  CHECK(run->config.entrypoint.empty());
  CHECK(run->config.command == std::vector<std::string>{"/opt/envs/e/bin/python"});
  CHECK(has(run->config, "PATH=/opt/envs/e/bin:/usr/bin:/bin"));
  CHECK(has(run->config, "CONDA_PREFIX=/opt/envs/e"));
  CHECK(has(run->config, "SSL_CERT_FILE=/opt/envs/e/ssl/cacert.pem"));
  CHECK(has(run->config, "LANG=C.UTF-8"));
  CHECK(has(run->config, "MINE=a=b"));
  CHECK(has(run->config, "KEPT=1"));
  CHECK_FALSE(names(run->config, "CUDA_VERSION"));
  CHECK_FALSE(names(run->config, "LD_LIBRARY_PATH"));
  CHECK_FALSE(names(run->config, "NVIDIA_VISIBLE_DEVICES"));
  CHECK(run->config.user == "1000");
  CHECK(run->config.working_directory == "/srv/app");
  CHECK(run->config.labels.at("l") == "1");
}

TEST_CASE("words that are no assignment and a relative directory are refused") {
  for (const char* bad : {"X", "=x", ""}) {
    RunWishes wishes;
    wishes.environment = {bad};
    CHECK(run_config({}, facts_for("/e"), wishes).error().kind == ErrorKind::usage);
    wishes.environment.clear();
    wishes.labels = {bad};
    CHECK(run_config({}, facts_for("/e"), wishes).error().kind == ErrorKind::usage);
  }
  RunWishes wishes;
  wishes.working_directory = "app";
  CHECK(run_config({}, facts_for("/e"), wishes).error().kind == ErrorKind::usage);
}

TEST_CASE("the required CUDA is the floor of minor-version compatibility") {
  CHECK(cuda_floor("12.8") == "12.0");
  CHECK(cuda_floor("13.2") == "13.0");
  CHECK(cuda_floor("11.8") == "11.0");
  CHECK(cuda_floor("10.2") == "10.2");
  RunFacts facts = facts_for("/opt/envs/e");
  facts.cuda = "12.8";
  const auto run = run_config({}, facts, {});
  REQUIRE(run);
  CHECK(has(run->config, "NVIDIA_REQUIRE_CUDA=cuda>=12.0"));
  CHECK(has(run->config, "NVIDIA_VISIBLE_DEVICES=all"));
  CHECK(has(run->config, "NVIDIA_DRIVER_CAPABILITIES=compute,utility"));
}

TEST_CASE("an environment is for GPUs by its packages") {
  std::vector<conda::PackageRecord> records = {package("pytorch"), package("cuda-version")};
  records[0].build = "cpu_generic_py312_0";
  records[1].version = "12.6";
  CHECK_FALSE(cuda_of(records).has_value());
  CHECK(cpu_builds(records) == std::vector<std::string>{"pytorch 1.0 cpu_generic_py312_0"});
  records[0].build = "cuda126_py312_0";
  CHECK(cuda_of(records) == "12.6");
  CHECK(cpu_builds(records).empty());
  records[0].build = "0";
  records[0].depends = {"__cuda"};
  CHECK(cuda_of(records) == "12.6");
}

TEST_CASE("times are written as RFC 3339") {
  CHECK(rfc3339(1'700'000'000) == "2023-11-14T22:13:20Z");
}

}  // namespace hpcenv::image
