// What a machine cannot run, before anything is installed.
#include "ops/runnable.hpp"

#include <catch2/catch_test_macros.hpp>

namespace {

using namespace hpcenv;
using host::VirtualPackage;
using ops::Judges;

/// A target whose node has driver 535 (CUDA 12.2).
ops::Machine machine_with(const char* capability) {
  ops::Machine machine;
  machine.name = machine.target = "gpu";
  machine.nodes = {"gpu01"};
  host::NodeProfile node;
  node.hostname = "gpu01";
  node.glibc = "2.28";
  node.nvidia.pci_gpus = 1;
  node.nvidia.kernel_module = "535.161.08";
  host::LibcudaCandidate library;
  library.path = "/usr/lib64/libcuda.so.1";
  library.file_version = "535.161.08";
  library.end = host::ProbeEnd::answered;
  library.version_code = 0;
  library.cuda_version = 12020;
  node.nvidia.libcuda = {library};
  node.nvidia.winner = 0;
  machine.profiles = {node};
  machine.virtual_packages.packages = {
      {"__cuda", "12.2", "0", VirtualPackage::Origin::detected, "cuDriverGetVersion"},
      {"__cuda_arch", capability, "0", VirtualPackage::Origin::detected, "the driver"},
      {"__glibc", "2.28", "0", VirtualPackage::Origin::detected, "gnu_get_libc_version"}};
  return machine;
}

std::vector<conda::PackageRecord> toolkit(const char* version) {
  conda::PackageRecord record;
  record.name = "cuda-version";
  record.version = version;
  record.build = "0";
  return {record};
}

std::vector<std::string> texts(const ops::Machine& machine) {
  std::vector<std::string> found;
  const auto bounds = ops::bounds_of(machine);
  REQUIRE(bounds);
  for (const conda::MatchSpec& bound : *bounds) found.push_back(bound.text);
  return found;
}

TEST_CASE("the driver bounds the toolkit, an old GPU bounds more", "[runnable]") {
  CHECK(texts(machine_with("8.0")) == std::vector<std::string>{"cuda-version <=12.2"});
  CHECK(texts(machine_with("7.5")) == std::vector<std::string>{"cuda-version <=12.2"});
  CHECK(texts(machine_with("7.0")) == std::vector<std::string>{"cuda-version <=12.2",
                                                               "cuda-version <13", "libcudnn <9.11",
                                                               "cudnn <9.11"});
  CHECK(texts({}).empty());
}

TEST_CASE("a toolkit that is too new for the driver is a failure", "[runnable]") {
  const auto failures =
      ops::failures_on(machine_with("8.0"), toolkit("13.0"), Judges::beyond_solver);
  REQUIRE_FALSE(failures.empty());
  CHECK(failures.front().id == "P01");
  CHECK(failures.front().text.find("too new for driver 535.161.08") != std::string::npos);
  CHECK(ops::failures_on(machine_with("8.0"), toolkit("12.9"), Judges::beyond_solver).empty());
}

TEST_CASE("what is overridden, or not known, is not judged", "[runnable]") {
  ops::Machine machine = machine_with("8.0");
  machine.virtual_packages.packages[0].origin = VirtualPackage::Origin::overridden;
  CHECK(ops::failures_on(machine, toolkit("13.0"), Judges::all).empty());
  machine = machine_with("8.0");
  machine.profiles.clear();
  CHECK(ops::failures_on(machine, toolkit("13.0"), Judges::all).empty());
  machine = machine_with("8.0");
  machine.virtual_packages.packages.clear();
  CHECK(ops::failures_on(machine, toolkit("13.0"), Judges::all).empty());
  CHECK(ops::failures_on(machine_with("8.0"), {}, Judges::all).empty());
}

TEST_CASE("the C library is judged only where the reason of a conflict is looked for",
          "[runnable]") {
  conda::PackageRecord record;
  record.name = "nodejs";
  record.version = "22";
  record.depends = {"__glibc >=2.34,<3.0.a0"};
  CHECK(ops::failures_on(machine_with("8.0"), {record}, Judges::beyond_solver).empty());
  const auto failures = ops::failures_on(machine_with("8.0"), {record}, Judges::all);
  REQUIRE_FALSE(failures.empty());
  CHECK(failures.front().id == "H01");
}

TEST_CASE("of several nodes the worst counts", "[runnable]") {
  ops::Machine machine = machine_with("8.0");
  machine.profiles.push_back(machine.profiles.front());
  machine.nodes.emplace_back("gpu02");
  machine.profiles.front().nvidia.libcuda.front().cuda_version = 13000;
  const auto failures = ops::failures_on(machine, toolkit("13.0"), Judges::beyond_solver);
  REQUIRE_FALSE(failures.empty());
  CHECK(failures.front().evidence.front() == "on gpu02");
}

}  // namespace
