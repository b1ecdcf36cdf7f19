#include "ops/report_masking.hpp"

#include <catch2/catch_test_macros.hpp>
#include <map>
#include <memory>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "doctor/make_finding.hpp"
#include "host/captured_reader.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::ops {
namespace {

using Variables = std::map<std::string, std::string>;

/// The machine login1.lab.example of ada, whose home is /gpfs/home/ada.
class Machine {
 public:
  explicit Machine(const Variables& more = {}) {
    base::Json variables(more);
    variables["HOME"] = "/gpfs/home/ada";
    variables["USER"] = "ada";
    const base::Json host = {{"hostname", "login1.lab.example"},
                             {"kernel", "6.1.0"},
                             {"machine", "x86_64"},
                             {"environment", variables}};
    REQUIRE(base::make_directories(folder_.path() / "root"));
    REQUIRE(base::write_file(folder_.path() / "host.json", base::dump_json(host)));
    auto reader = host::open_captured_host(folder_.path());
    REQUIRE(reader);
    reader_ = *std::move(reader);
    locations_.root = "/gpfs/lab/hpcenv";
    examination_.machine = "login1.lab.example";
  }

  void finds(const std::string& text) { examination_.findings.push_back(doctor::info(text)); }
  void has_host(const std::string& name) { examination_.hosts.push_back(name); }
  ReportMasking masking() const { return {locations_, *reader_, examination_}; }
  std::string shown(const std::string& text) {
    finds(text);
    return masking().text(text);
  }

 private:
  test::TemporaryDirectory folder_;
  std::unique_ptr<host::HostReader> reader_;
  Locations locations_;
  Examination examination_;
};

TEST_CASE("folders of the system stay") {
  for (const char* text :
       {"/usr/lib64/libcuda.so.1", "/etc/security/limits.d.", "/dev/nvidia*", "/tmp",
        "/dev/shm:", "/apps/cuda/12.4/bin/nvcc", "/PATH/WITH/ROOM/hpcenv", "nothing / nobody",
        "and/or", "/", "conda-forge/linux-64", "//"}) {
    CHECK(Machine().shown(text) == text);
  }
}

TEST_CASE("the user's folders stay, what is in them is told where it is an installation") {
  Machine machine;
  CHECK(machine.shown("/gpfs/home/ada/.bashrc:3: x") == "/home/user/.bashrc:3: x");
  CHECK(Machine().shown("home (/gpfs/home/ada)") == "home (/home/user)");
  CHECK(Machine().shown("/gpfs/home/ada/miniconda3/bin/conda") ==
        "/home/user/miniconda3/bin/conda");
  CHECK(Machine().shown("/gpfs/home/ada/secret/sub/lib/libx.so.4") ==
        "/home/user/private1/lib/libx.so.4");
  CHECK(Machine().shown("/gpfs/home/ada/libx.so") == "/home/user/libx.so");
  CHECK(Machine().shown("/gpfs/lab/hpcenv/envs/gpu") == "/hpcenv/envs/gpu");
  CHECK(Machine().shown("/tmp/secret-job") == "/tmp/private1");
}

TEST_CASE("other folders have one name each, however they are written") {
  Machine machine;
  ReportMasking masking = machine.masking();
  CHECK(masking.text("/gpfs/lab/secret and /gpfs/lab/other.") == "/private1 and /private2.");
  CHECK(masking.text("PATH=/gpfs/lab/other/bin:/gpfs/lab/secret/bin:\"$PATH\"") ==
        "PATH=/private2/bin:/private1/bin:\"$PATH\"");
  CHECK(masking.text("-I/gpfs/lab/secret/include -ccbin '/gpfs/lab/secret'") ==
        "-I/private1/include -ccbin '/private1'");
  CHECK(masking.text("(/gpfs/lab/secret), [/gpfs/lab/secret]") == "(/private1), [/private1]");
  CHECK(masking.text("file:///gpfs/lab/secret/pkgs") == "file:///private1/pkgs");
  CHECK(masking.text("x=$HOME/thesis/lib y=~/thesis") == "x=$HOME/private3/lib y=~/private4");
}

TEST_CASE("a blank in a folder's name tells nothing of it") {
  Machine machine(Variables{{"PYTHONPATH", "/gpfs/lab/my secret/src:/usr/lib"}});
  CHECK(machine.shown("PYTHONPATH=/gpfs/lab/my secret/src:/usr/lib") ==
        "PYTHONPATH=/private1:/usr/lib");
}

TEST_CASE("hosts that are told, and all of the domain") {
  Machine machine;
  machine.has_host("login1.lab.example");
  machine.has_host("gpu017");
  machine.has_host("gpu018");
  machine.finds("gpu018 is down, says head2.lab.example");
  CHECK(machine.shown("sbatch --exclude=gpu018 on login1") == "sbatch --exclude=node2 on node");
  CHECK(machine.masking().text("head2.lab.example") == "node3");
  // Of a host that no finding tells nothing is counted.
  CHECK(machine.masking().text("gpu017") == "gpu017");
}

TEST_CASE("servers but public ones, and what lies on them") {
  Machine machine(Variables{{"no_proxy", "intern.lab2.example,.lab2.example"},
                            {"https_proxy", "ada:pw@proxy.example:3128"}});
  CHECK(machine.shown("http://me:pw@mirror.example:80/t/abc/secret cannot be reached") ==
        "http://server1:80/... cannot be reached");
  CHECK(machine.shown("https://conda.anaconda.org/conda-forge") ==
        "https://conda.anaconda.org/conda-forge");
  ReportMasking masking = machine.masking();
  CHECK(masking.text("mirror.example") == "server1");
  CHECK(masking.text("no proxy.example, nor intern.lab2.example").find("example") ==
        std::string::npos);
}

TEST_CASE("all of a finding is masked, and its kind stays") {
  Machine machine(Variables{{"SLURM_JOB_ACCOUNT", "secret"}});
  doctor::Finding finding = doctor::with_evidence(
      doctor::failure("wrong in /gpfs/lab/x", {"Tell ada.", {"rm /gpfs/lab/x"}}),
      {"account secret", "on login1"});
  finding.id = "X01";
  finding.title = "X";
  ReportMasking masking = machine.masking();
  const doctor::Finding shown = masking.finding(finding);
  CHECK(shown.id == "X01");
  CHECK(shown.severity == doctor::Severity::failure);
  CHECK(shown.text == "wrong in /private1");
  CHECK(shown.evidence == std::vector<std::string>{"account project", "on node"});
  REQUIRE(shown.remedy);
  CHECK(shown.remedy->text == "Tell user.");
  CHECK(shown.remedy->commands == std::vector<std::string>{"rm /private1"});
}

}  // namespace
}  // namespace hpcenv::ops
