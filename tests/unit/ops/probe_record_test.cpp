#include "ops/probe_record.hpp"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>

#include "base/json.hpp"
#include "host/target.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::ops {
namespace {

using State = ProbeOutcome::State;
using slurm::ReachField;

slurm::NodeSight sight(const std::string& node, const std::string& driver) {
  slurm::NodeSight it;
  it.node = node;
  it.profile.hostname = node;
  it.profile.machine = "x86_64";
  it.profile.nvidia.kernel_module = driver;
  it.visible = {"/home/ada"};
  return it;
}

/// The folder of a probe of two jobs.
class Probe {
 public:
  Probe() {
    record.target = "gpu";
    record.directory = root_ / "targets";
    record.mode = "all-nodes";
    record.partition = "gpu";
    record.jobs = {"7", "8"};
    record.tokens = {{record.directory, "t"}, {"/home/ada", "t"}};
    record.reach.set(ReachField::partition, {{"gpu"}, slurm::ReachSource::user, 5});
    std::filesystem::create_directories(folder());
    REQUIRE(write_record(record, folder()));
  }
  std::filesystem::path folder() const { return root_ / "probe"; }
  std::filesystem::path root() const { return root_.path(); }
  Result<ProbeOutcome> settle(const std::map<std::string, std::string>& ended = {}) const {
    return ops::settle(folder(), record, ended, base::SystemClock());
  }
  void answer(const std::string& job, const slurm::NodeSight& what) const {
    REQUIRE(write_sight(what, folder() / job));
  }
  Result<host::Target> target() const { return host::load_target("gpu", {record.directory}, "/"); }
  ProbeRecord record;

 private:
  test::TemporaryDirectory root_;
};

mode_t mode_of(const std::filesystem::path& path) {
  struct stat status{};
  REQUIRE(stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777U;
}

}  // namespace

TEST_CASE("the request of a probe comes back as it was written, for nobody else to read") {
  Probe probe;
  probe.record.addresses = {{"gpu01", "10.0.0.1"}};
  probe.record.local_disk = "/local";
  probe.record.url = "https://example.org";
  REQUIRE(write_record(probe.record, probe.folder()));
  const auto read = read_record(probe.folder() / "8");
  REQUIRE(read);
  CHECK(read->target == "gpu");
  CHECK(read->jobs == probe.record.jobs);
  CHECK(read->addresses.at("gpu01") == "10.0.0.1");
  CHECK(read->local_disk == "/local");
  CHECK(read->url == "https://example.org");
  CHECK(read->tokens[1].directory == "/home/ada");
  CHECK(read->reach.text(ReachField::partition) == "gpu");
  CHECK(mode_of(probe.folder() / "7") == 0700);
  CHECK(mode_of(probe.folder() / "7/request.json") == 0600);
  CHECK(read_record(probe.folder() / "9").error().kind == ErrorKind::not_found);
  test::put_file(probe.folder() / "7/request.json", R"({"format": 99, "reach": {}})");
  const auto other = read_record(probe.folder() / "7");
  REQUIRE_FALSE(other);
  CHECK(other.error().kind == ErrorKind::refused);
  CHECK(other.error().message.find("request.json") != std::string::npos);
}

TEST_CASE("a target is written when all jobs have answered, once") {
  const Probe probe;
  CHECK(probe.settle()->state == State::waiting);
  probe.answer("7", sight("gpu01", "580.65.06"));
  CHECK(has_sight(probe.folder() / "7"));
  CHECK_FALSE(has_sight(probe.folder() / "8"));
  CHECK(probe.settle()->state == State::waiting);
  CHECK_FALSE(probe.target());
  probe.answer("8", sight("gpu02", "535.261.03"));
  const auto outcome = probe.settle();
  REQUIRE(outcome);
  CHECK(outcome->state == State::written);
  REQUIRE(outcome->warnings.size() == 1);
  CHECK(
      outcome->warnings[0] ==
      "the nodes of partition gpu have several drivers: 535.261.03 (gpu02), 580.65.06 (gpu01); the "
      "lowest counts");
  const auto target = probe.target();
  REQUIRE(target);
  CHECK(target->nodes.size() == 2);
  CHECK(target->probed == "all-nodes");
  CHECK(slurm::reach_from_json(*target->reach, "x")->text(ReachField::arch) == "x86_64");
  // Whoever comes later is told the same, and writes nothing.
  std::filesystem::remove(target->file);
  CHECK(probe.settle()->warnings == outcome->warnings);
  CHECK_FALSE(probe.target());
}

TEST_CASE("jobs that ended without an answer are named; with none at all nothing is written") {
  const Probe probe;
  test::put_file(probe.folder() / "8.out", "hpcenv: it is broken\n");
  probe.answer("7", sight("gpu01", ""));
  const auto one = probe.settle({{"8", "NODE_FAIL"}});
  REQUIRE(one);
  CHECK(one->state == State::written);
  CHECK(one->warnings.at(0) == "job 8 ended without an answer (NODE_FAIL): hpcenv: it is broken");

  const Probe silent;
  const auto none = silent.settle({{"7", ""}, {"8", "TIMEOUT"}});
  REQUIRE(none);
  CHECK(none->state == State::failed);
  CHECK(none->problem == "job 7 ended without an answer; job 8 ended without an answer (TIMEOUT)");
  CHECK_FALSE(std::filesystem::exists(silent.root() / "targets"));
  CHECK(silent.settle()->problem == none->problem);
}

TEST_CASE("an answer that cannot be read is a problem, not a profile") {
  const Probe probe;
  for (const char* job : {"7", "8"}) {
    test::put_file(probe.folder() / job / "sight.json", "{\"node\": \"x\"}");
  }
  const auto outcome = probe.settle();
  REQUIRE(outcome);
  CHECK(outcome->state == State::failed);
  CHECK(outcome->problem.find("there is no profile of a node") != std::string::npos);
}

TEST_CASE("a target file that cannot be read is left as it is, and that is the outcome") {
  const Probe probe;
  test::put_file(probe.record.directory / "gpu.json", "{");
  probe.answer("7", sight("gpu01", ""));
  probe.answer("8", sight("gpu02", ""));
  const auto outcome = probe.settle();
  REQUIRE(outcome);
  CHECK(outcome->state == State::failed);
  CHECK(outcome->problem.find("gpu.json") != std::string::npos);
  CHECK(test::text_of(probe.record.directory / "gpu.json") == "{");
}

TEST_CASE("changes against what the target said, and directories that nodes do not see") {
  const Probe probe;
  base::Json before{{"format", 1}, {"note", "mine"}};
  before["nodes"] = {host::profile_to_json(sight("gpu01", "525.1").profile)};
  test::put_file(probe.record.directory / "gpu.json", base::dump_json(before));
  slurm::NodeSight blind = sight("gpu02", "535.261.03");
  blind.visible.clear();
  probe.answer("7", sight("gpu01", "535.261.03"));
  probe.answer("8", blind);
  const auto outcome = probe.settle();
  REQUIRE(outcome);
  CHECK(outcome->changes == std::vector<std::string>{"driver 525.1 -> 535.261.03"});
  REQUIRE(outcome->warnings.size() == 1);
  CHECK(outcome->warnings[0].starts_with("/home/ada is not mounted on gpu02"));
  CHECK(probe.target()->nodes.size() == 1);
  CHECK(test::text_of(probe.record.directory / "gpu.json").find("mine") != std::string::npos);
}

}  // namespace hpcenv::ops
