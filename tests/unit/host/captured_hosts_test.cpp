// The machines under tests/host: node profile and virtual packages of each.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "base/json.hpp"
#include "host/captured_reader.hpp"
#include "host/node_profile.hpp"
#include "host/virtual_packages.hpp"

namespace {

using namespace hpcenv;
namespace fs = std::filesystem;

std::vector<fs::path> machines() {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(HPCENV_SOURCE_DIR "/tests/host")) {
    if (fs::exists(entry.path() / "host.json")) found.push_back(entry.path());
  }
  return found;
}

host::NodeProfile profile_of(const fs::path& machine,
                             host::ProbeScope scope = host::ProbeScope::everything) {
  const auto reader = host::open_captured_host(machine);
  REQUIRE(reader);
  const auto runner = base::make_process_runner();
  const auto profile =
      host::probe_node(**reader, *runner, base::SystemClock(), host::ProbeDepth::automatic, scope);
  REQUIRE(profile);
  return *profile;
}

TEST_CASE("each captured machine has the virtual packages that it should have", "[captured]") {
  REQUIRE(machines().size() >= 28);
  for (const fs::path& machine : machines()) {
    INFO(machine.filename().native());
    const base::Json expected =
        *base::parse_json(*base::read_file(machine / "expected.json"), "expected.json");
    const host::NodeProfile profile = profile_of(machine);
    const std::string platform = profile.machine == "aarch64" ? "linux-aarch64" : "linux-64";
    const host::VirtualPackages made = host::virtual_packages(profile, {}, platform);
    base::Json found = base::Json::object();
    for (const host::VirtualPackage& package : made.packages) {
      const bool plain = package.build == "0";
      found[package.name] = package.version + (plain ? "" : "=" + package.build);
    }
    CHECK(found.dump() == expected["virtual_packages"].dump());
    CHECK(made.warnings.size() == expected.value("warnings", 0U));
  }
}

TEST_CASE("what is solved for looks at no file system and asks no NVML", "[captured]") {
  std::size_t with_mounts = 0;
  std::size_t with_nvml = 0;
  for (const fs::path& machine : machines()) {
    INFO(machine.filename().native());
    const host::NodeProfile whole = profile_of(machine);
    const host::NodeProfile brief = profile_of(machine, host::ProbeScope::solving);
    with_mounts += whole.mounts.empty() ? 0 : 1;
    with_nvml += whole.nvidia.nvml ? 1 : 0;
    CHECK(brief.mounts.empty());
    CHECK_FALSE(brief.nvidia.nvml.has_value());
    CHECK(brief.glibc == whole.glibc);
    CHECK(brief.cpu == whole.cpu);
    CHECK(host::cuda_version_of(brief) == host::cuda_version_of(whole));
    CHECK(host::cuda_arch_of(brief) == host::cuda_arch_of(whole));
  }
  CHECK(with_mounts > 10);
  CHECK(with_nvml > 1);
}

TEST_CASE("each captured machine's profile goes through JSON unchanged", "[captured]") {
  for (const fs::path& machine : machines()) {
    INFO(machine.filename().native());
    const base::Json written = host::profile_to_json(profile_of(machine));
    const auto read = host::profile_from_json(written, "profile");
    REQUIRE(read);
    CHECK(host::profile_to_json(*read).dump() == written.dump());
  }
}

TEST_CASE("a GPU node's profile holds its driver, its devices and no secret", "[captured]") {
  const host::NodeProfile profile = profile_of(HPCENV_SOURCE_DIR "/tests/host/a100-job");
  CHECK(profile.hostname == "gpu017");
  CHECK(profile.memory_bytes == 1024ULL << 30U);
  CHECK(profile.nvidia.pci_gpus == 4);
  CHECK(profile.nvidia.kernel_module == "535.161.08");
  CHECK_FALSE(profile.nvidia.open_kernel_module);
  CHECK(profile.nvidia.uvm);
  CHECK(profile.nvidia.device_nodes.size() == 6);
  REQUIRE(profile.nvidia.libcuda.size() == 1);
  REQUIRE(profile.nvidia.winner == 0U);
  const host::LibcudaCandidate& library = profile.nvidia.libcuda[0];
  CHECK(library.path == "/usr/lib64/libcuda.so.1");
  CHECK(library.file_version == "535.161.08");
  CHECK(library.found_in == "fixed list");
  CHECK(library.cuda_version == 12020);
  CHECK(library.init_code == 0);
  CHECK(library.devices.size() == 2);
  CHECK(library.visible_devices == 2);
  CHECK(library.devices[0].name == "NVIDIA A100-SXM4-80GB");
  CHECK(profile.environment.get("SLURM_JOB_ID") == "4711");
  CHECK_FALSE(profile.environment.has("SLURM_JWT"));
  REQUIRE(profile.mounts.size() == 4);
  CHECK(profile.mounts[0].purpose == "home");
  CHECK(profile.mounts[1].purpose == "root");
  CHECK(profile.mounts[1].path == "/home/ada/.local/share/hpcenv");
  CHECK(profile.mounts[3].purpose == "job's local disk");
  CHECK(profile.mounts[3].path == "/tmp");
  CHECK(profile.mounts[0].facts.type == "nfs");
}

TEST_CASE("behind a stub the real driver counts", "[captured]") {
  const host::NodeProfile profile = profile_of(HPCENV_SOURCE_DIR "/tests/host/stub-first");
  REQUIRE(profile.nvidia.libcuda.size() == 2);
  REQUIRE(profile.nvidia.winner == 0U);
  CHECK(profile.nvidia.libcuda[0].is_stub);
  CHECK(profile.nvidia.libcuda[0].found_in == "LD_LIBRARY_PATH");
  CHECK(host::driver_library(profile) == &profile.nvidia.libcuda[1]);
  CHECK(host::cuda_version_of(profile) == "12.4");
  CHECK(profile.nvidia.open_kernel_module);
}

TEST_CASE("a folder that is no captured machine is refused", "[captured]") {
  const auto missing = host::open_captured_host(HPCENV_SOURCE_DIR "/tests/host/nowhere");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().kind == ErrorKind::not_found);
}

}  // namespace
