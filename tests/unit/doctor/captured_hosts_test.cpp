// The machines under tests/host: what the doctor finds on each.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <memory>

#include "base/json.hpp"
#include "conda/prefix_record.hpp"
#include "doctor/finding.hpp"
#include "host/captured_reader.hpp"

namespace {

using namespace hpcenv;
using doctor::Finding;
namespace fs = std::filesystem;

prefix::PrefixState environment_of(const base::Json& expected) {
  prefix::PrefixState state;
  state.prefix = "/home/ada/envs/" + base::string_or(expected, "environment_name");
  if (!expected.contains("packages")) return state;
  for (const base::Json& row : expected["packages"]) {
    conda::PrefixRecord package;
    package.record.name = base::string_or(row, "name");
    package.record.version = base::string_or(row, "version");
    package.record.build = base::string_or(row, "build");
    package.record.depends = base::strings_or_empty(row, "depends");
    package.record.constrains = base::strings_or_empty(row, "constrains");
    package.record.channel = "https://conda.anaconda.org/conda-forge";
    package.requested_specs = base::strings_or_empty(row, "requested_specs");
    std::vector<std::string> paths = base::strings_or_empty(row, "paths");
    if (row.contains("files")) {
      for (const auto& [path, text] : row["files"].items()) paths.push_back(path);
    }
    for (const std::string& path : paths) {
      conda::InstalledPath installed;
      installed.path = path;
      package.paths.push_back(installed);
    }
    state.packages.push_back(package);
  }
  return state;
}

/// A machine with all that its findings refer to.
struct Examined {
  explicit Examined(const std::string& name) {
    const fs::path folder = fs::path(HPCENV_SOURCE_DIR "/tests/host") / name;
    expected = *base::parse_json(*base::read_file(folder / "expected.json"), "expected.json");
    auto opened = host::open_captured_host(folder);
    REQUIRE(opened);
    reader = *std::move(opened);
    profile = *host::probe_node(*reader, *base::make_process_runner(), base::SystemClock(),
                                host::ProbeDepth::automatic);
    environment = environment_of(expected);
    doctor::Subject subject;
    subject.profile = &profile;
    subject.reader = reader.get();
    subject.environment_name = base::string_or(expected, "environment_name");
    if (!subject.environment_name.empty()) subject.environment = &environment;
    subject.activation_scripts.emplace();
    subject.now = base::SystemClock().now();
    // What is asked of others first is shown through the program (tests/host/machines_test.py).
    std::vector<doctor::Check> checks;
    const std::vector<doctor::Check> usual = *doctor::select_checks({});
    for (const doctor::Check& check : usual) {
      const std::string_view id = check.id;
      if (check.asks == doctor::Asks::nothing || id == "S03" || id == "P09") {
        checks.push_back(check);
      }
    }
    findings = doctor::examine(subject, checks);
  }

  const Finding& operator[](std::string_view id) const {
    for (const Finding& finding : findings) {
      if (finding.id == id) return finding;
    }
    FAIL("no finding " << id);
    return findings.front();
  }

  base::Json expected;
  std::unique_ptr<host::HostReader> reader;
  host::NodeProfile profile;
  prefix::PrefixState environment;
  std::vector<Finding> findings;
};

/// What expected.json says of a check: nothing is said of those that pass, where their group is
/// there, and of groups that are not.
std::string expected_severity(const base::Json& groups, const Finding& finding) {
  const auto group = groups.find(doctor::group_of(finding.id)->name);
  if (group == groups.end()) return "";
  const auto entry = group->find(finding.id);
  if (entry == group->end()) return "pass";
  return entry->is_string() ? entry->get<std::string>() : base::string_or(*entry, "severity");
}

TEST_CASE("each captured machine has the findings that it should have", "[captured]") {
  std::size_t machines = 0;
  for (const auto& entry : fs::directory_iterator(HPCENV_SOURCE_DIR "/tests/host")) {
    if (!fs::exists(entry.path() / "host.json")) continue;
    ++machines;
    const std::string name = entry.path().filename().native();
    const Examined examined(name);
    for (const Finding& finding : examined.findings) {
      INFO(name << " " << finding.id << ": " << finding.text);
      const std::string expected = expected_severity(examined.expected["findings"], finding);
      const bool bad = finding.severity == doctor::Severity::warning ||
                       finding.severity == doctor::Severity::failure;
      if (expected.empty()) {
        CHECK_FALSE(bad);
      } else {
        CHECK(doctor::name_of(finding.severity) == expected);
      }
      CHECK_FALSE(finding.text.empty());
      CHECK_FALSE(finding.title.empty());
      CHECK((!bad || (finding.remedy && !finding.remedy->text.empty())));
    }
  }
  CHECK(machines >= 8);
}

TEST_CASE("a node without GPU gets one line, and no alarm", "[captured]") {
  const Examined login("login-node");
  const Finding& finding = login["D01"];
  CHECK(finding.text.starts_with("no NVIDIA GPU on this node"));
  REQUIRE(finding.remedy);
  CHECK(finding.remedy->commands.at(0) ==
        "srun --partition=PARTITION --gpus=1 hpcenv doctor -n torch");
}

TEST_CASE("CUDA 13 on driver 535: what is wrong and what to type", "[captured]") {
  const Examined job("a100-job");
  const Finding& finding = job["P01"];
  CHECK(finding.text ==
        "CUDA 13.0 of this environment is too new for driver 535.161.08, which supports CUDA up to "
        "12.2, CUDA 13 needs driver 580.65.06 or newer");
  REQUIRE(finding.remedy);
  CHECK(finding.remedy->commands.at(0) ==
        "hpcenv create -n cuda13-cuda12 cuda-nvcc python=3.11 cuda-version=12");
  CHECK(finding.remedy->text.find("partition with a newer driver (580.65.06 or newer)") !=
        std::string::npos);
}

TEST_CASE("a stub is taken out of LD_LIBRARY_PATH and its module named", "[captured]") {
  const Examined stub("stub-first");
  const Finding& finding = stub["D04"];
  CHECK(finding.text.find("/apps/cuda/12.4/lib64/stubs/libcuda.so.1") != std::string::npos);
  CHECK(finding.remedy->commands.at(0) == "export LD_LIBRARY_PATH=/apps/cuda/12.4/lib64");
  CHECK(finding.evidence.at(1) == "loaded module that may have set it: cuda/12.4");
  CHECK(stub["P03"].text.find("numba 0.61.0 will fail with error 222") != std::string::npos);
}

TEST_CASE("wrong visible devices come with the right value", "[captured]") {
  const Examined old("p100-centos7");
  CHECK(old["G02"].remedy->commands.at(0) == "export CUDA_VISIBLE_DEVICES=0");
  CHECK(old["G02"].evidence.size() == 2);
  CHECK(old["H01"].evidence.at(0) == "libcudnn-9.10.2.21-h_0 needs __glibc >=2.28,<3.0.a0");
}

TEST_CASE("a job without a GPU is told how to ask for one", "[captured]") {
  const Examined job("job-without-gres");
  CHECK(job["S03"].remedy->commands.at(0) == "sbatch --gpus=1 ...");
  CHECK(job["G02"].text.find("this job was given none") != std::string::npos);
  CHECK(job["D10"].text.find("100 CUDA_ERROR_NO_DEVICE") != std::string::npos);
  CHECK(job["P09"].remedy->commands.at(0) == "hpcenv create -n cpu-gpu jax \"jaxlib=*=*cuda*\"");
}

TEST_CASE("a driver that hangs has its version from its file", "[captured]") {
  const Examined hanging("driver-hangs");
  CHECK(hanging["D08"].text ==
        "/usr/lib64/libcuda.so.1 does not say its version: no answer within 8000 ms; by its file "
        "name it supports CUDA 12.4");
  CHECK(hanging["D08"].remedy->commands.at(0) == "export CONDA_OVERRIDE_CUDA=12.4");
}

TEST_CASE("findings are JSON with stable ids", "[finding]") {
  const Examined login("login-node");
  const base::Json value = doctor::finding_to_json(login["E04"]);
  CHECK(value["id"] == "E04");
  CHECK(value["severity"] == "warning");
  CHECK(value["evidence"] == base::Json::array({"gcc/12.2.0"}));
  CHECK(value["remedy"]["commands"][0] == "module purge");
}

}  // namespace
