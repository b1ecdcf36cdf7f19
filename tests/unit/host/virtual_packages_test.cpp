#include "host/virtual_packages.hpp"

#include <catch2/catch_test_macros.hpp>

#include "base/json.hpp"

namespace {

using namespace hpcenv;
using host::NodeProfile;
using host::VirtualPackage;
using host::VirtualPackages;
using Origin = host::VirtualPackage::Origin;

NodeProfile gpu_node() {
  NodeProfile profile;
  profile.machine = "x86_64";
  profile.kernel = "4.18.0-553.el8_10.x86_64";
  profile.glibc = "2.28";
  profile.cpu = "zen3";
  host::LibcudaCandidate library;
  library.path = "/usr/lib64/libcuda.so.1";
  library.end = host::ProbeEnd::answered;
  library.version_code = 0;
  library.cuda_version = 12020;
  library.devices.resize(2);
  library.devices[0].capability_major = 9;
  library.devices[1].capability_major = 8;
  library.devices[1].capability_minor = 6;
  profile.nvidia.libcuda = {library};
  profile.nvidia.winner = 0;
  return profile;
}

VirtualPackages make(const NodeProfile& profile, const char* name = nullptr,
                     const char* value = nullptr, std::string_view subdir = "linux-64") {
  base::Environment environment;
  if (name != nullptr) environment.set(name, value);
  return host::virtual_packages(profile, environment, subdir);
}

const VirtualPackage* find(const VirtualPackages& made, std::string_view name) {
  for (const VirtualPackage& package : made.packages) {
    if (package.name == name) return &package;
  }
  return nullptr;
}

TEST_CASE("a driver that does not answer is said, with or without a version in its name",
          "[virtual]") {
  NodeProfile profile = gpu_node();
  profile.nvidia.winner.reset();
  profile.nvidia.libcuda[0].end = host::ProbeEnd::timed_out;
  profile.nvidia.libcuda[0].detail = "no answer within 8000 ms";
  profile.nvidia.libcuda[0].version_code.reset();
  profile.nvidia.libcuda[0].cuda_version.reset();
  const VirtualPackages without = make(profile);
  CHECK(find(without, "__cuda") == nullptr);
  REQUIRE(without.warnings.size() == 1);
  CHECK(without.warnings[0] ==
        "/usr/lib64/libcuda.so.1 does not answer (no answer within 8000 ms): __cuda is left out; "
        "set CONDA_OVERRIDE_CUDA if you know it");
  profile.nvidia.libcuda[0].file_version = "535.261.03";
  const VirtualPackages named = make(profile);
  REQUIRE(find(named, "__cuda") != nullptr);
  CHECK(find(named, "__cuda")->origin == Origin::assumed);
  CHECK(find(named, "__cuda")->version == "12.2");
}

TEST_CASE("a GPU node has the set of CEP 30 and CEP 46", "[virtual]") {
  const VirtualPackages made = make(gpu_node());
  REQUIRE(made.packages.size() == 6);
  CHECK(made.warnings.empty());
  CHECK(find(made, "__cuda")->version == "12.2");
  CHECK(find(made, "__cuda")->source == "cuDriverGetVersion of /usr/lib64/libcuda.so.1");
  CHECK(find(made, "__cuda_arch")->version == "8.6");
  CHECK(find(made, "__glibc")->version == "2.28");
  CHECK(find(made, "__linux")->version == "4.18.0");
  CHECK(find(made, "__unix")->version == "0");
  CHECK(find(made, "__archspec")->version == "1");
  CHECK(find(made, "__archspec")->build == "zen3");
  for (const VirtualPackage& package : made.packages) CHECK(package.origin == Origin::detected);
}

TEST_CASE("CONDA_OVERRIDE_CUDA sets, and an empty one takes away", "[virtual]") {
  const VirtualPackages set = make(gpu_node(), "CONDA_OVERRIDE_CUDA", "13.0");
  CHECK(find(set, "__cuda")->version == "13.0");
  CHECK(find(set, "__cuda")->origin == Origin::overridden);
  CHECK(find(set, "__cuda_arch")->version == "8.6");
  const VirtualPackages empty = make(gpu_node(), "CONDA_OVERRIDE_CUDA", "");
  CHECK(find(empty, "__cuda") == nullptr);
  CHECK(find(empty, "__cuda_arch") == nullptr);
  const VirtualPackages nonsense = make(gpu_node(), "CONDA_OVERRIDE_CUDA", "new est");
  CHECK(find(nonsense, "__cuda")->version == "12.2");
  REQUIRE(nonsense.warnings.size() == 1);
  CHECK(nonsense.warnings[0] == "CONDA_OVERRIDE_CUDA=new est is not used: that is no version");
}

TEST_CASE("CONDA_OVERRIDE_CUDA_ARCH needs __cuda and digits", "[virtual]") {
  CHECK(find(make(gpu_node(), "CONDA_OVERRIDE_CUDA_ARCH", "9.0"), "__cuda_arch")->version == "9.0");
  CHECK(find(make(gpu_node(), "CONDA_OVERRIDE_CUDA_ARCH", ""), "__cuda_arch") == nullptr);
  const VirtualPackages letters = make(gpu_node(), "CONDA_OVERRIDE_CUDA_ARCH", "90a");
  CHECK(find(letters, "__cuda_arch")->version == "8.6");
  CHECK(letters.warnings.size() == 1);
  NodeProfile bare = gpu_node();
  bare.nvidia = {};
  const VirtualPackages none = make(bare, "CONDA_OVERRIDE_CUDA_ARCH", "9.0");
  CHECK(find(none, "__cuda_arch") == nullptr);
  REQUIRE(none.warnings.size() == 1);
  CHECK(none.warnings[0].find("CONDA_OVERRIDE_CUDA_ARCH is not used") == 0);
}

TEST_CASE("the other overrides set, but cannot take away", "[virtual]") {
  CHECK(find(make(gpu_node(), "CONDA_OVERRIDE_GLIBC", "2.17"), "__glibc")->version == "2.17");
  CHECK(find(make(gpu_node(), "CONDA_OVERRIDE_LINUX", "5.4"), "__linux")->version == "5.4");
  const VirtualPackages archspec = make(gpu_node(), "CONDA_OVERRIDE_ARCHSPEC", "haswell");
  CHECK(find(archspec, "__archspec")->build == "haswell");
  CHECK(find(archspec, "__archspec")->version == "1");
  const VirtualPackages empty = make(gpu_node(), "CONDA_OVERRIDE_GLIBC", "");
  CHECK(find(empty, "__glibc")->version == "2.28");
  CHECK(empty.warnings.size() == 1);
  CHECK(make(gpu_node(), "CONDA_OVERRIDE_OSX", "14.0").warnings.size() == 1);
}

TEST_CASE("another platform is assumed, not detected", "[virtual]") {
  const VirtualPackages arm = make(gpu_node(), nullptr, nullptr, "linux-aarch64");
  CHECK(find(arm, "__cuda") == nullptr);
  CHECK(find(arm, "__glibc")->version == "2.17");
  CHECK(find(arm, "__glibc")->origin == Origin::assumed);
  CHECK(find(arm, "__archspec")->version == "0");
  CHECK(find(arm, "__archspec")->build == "aarch64");
  const VirtualPackages cuda = make(gpu_node(), "CONDA_OVERRIDE_CUDA", "12.4", "linux-aarch64");
  CHECK(find(cuda, "__cuda")->version == "12.4");
  const VirtualPackages mac = make(gpu_node(), nullptr, nullptr, "osx-arm64");
  CHECK(find(mac, "__osx") != nullptr);
  CHECK(find(mac, "__linux") == nullptr);
  CHECK(find(make(gpu_node(), nullptr, nullptr, "win-64"), "__win") != nullptr);
}

TEST_CASE("without glibc the oldest is assumed, and said so", "[virtual]") {
  NodeProfile profile = gpu_node();
  profile.glibc.clear();
  const VirtualPackages made = make(profile);
  CHECK(find(made, "__glibc")->version == "2.17");
  CHECK(find(made, "__glibc")->origin == Origin::assumed);
}

TEST_CASE("a stub is no driver; devices that make no sense do not count", "[virtual]") {
  NodeProfile profile = gpu_node();
  profile.nvidia.libcuda[0].is_stub = true;
  CHECK(find(make(profile), "__cuda") == nullptr);
  profile = gpu_node();
  profile.nvidia.libcuda[0].devices[1].capability_major = -1;
  profile.nvidia.libcuda[0].devices[0].capability_major = 2147483647;
  CHECK(find(make(profile), "__cuda_arch") == nullptr);
}

TEST_CASE("records carry name, version and build", "[virtual]") {
  const conda::PackageRecord record =
      host::to_record({"__cuda", "12.2", "0", Origin::detected, ""});
  CHECK(record.name == "__cuda");
  CHECK(record.version == "12.2");
  CHECK(record.build == "0");
  CHECK(record.is_virtual());
}

TEST_CASE("profiles that are none, or from a newer hpcenv, are refused", "[profile]") {
  const auto refuse = [](const char* text) {
    const auto read = host::profile_from_json(*base::parse_json(text, "x"), "node.json");
    REQUIRE_FALSE(read);
    CHECK(read.error().kind == ErrorKind::refused);
    return read.error().message;
  };
  CHECK(refuse("[]") == "node.json: a node profile is a JSON object");
  CHECK(refuse("{}") == "node.json: not a node profile: it has no \"format\"");
  CHECK(refuse(R"({"format": 2})") ==
        "node.json: node profile of format 2, this hpcenv reads up to 1");
  CHECK(refuse(R"({"format": 1, "machine": 5})").find("machine") != std::string::npos);
}

TEST_CASE("foreign types in a profile become what is absent", "[profile]") {
  const auto read = host::profile_from_json(
      *base::parse_json(R"({"format": 1, "machine": "x86_64", "kernel": "6.1", "memory_bytes": -4,
        "mounts": 3, "environment": {"A": 1, "B": "b"}, "nvidia": {"winner": 7, "pci_gpus": 1e99,
        "libcuda": [1, {"end": "odd", "cuda_version": 99999999999, "devices": {}}]}})",
                        "x"),
      "node.json");
  REQUIRE(read);
  CHECK(read->memory_bytes == 0);
  CHECK(read->environment.all().size() == 1);
  CHECK_FALSE(read->nvidia.winner);
  CHECK(read->nvidia.pci_gpus == 0);
  REQUIRE(read->nvidia.libcuda.size() == 1);
  CHECK(read->nvidia.libcuda[0].end == host::ProbeEnd::not_run);
  CHECK_FALSE(read->nvidia.libcuda[0].cuda_version);
}

}  // namespace
