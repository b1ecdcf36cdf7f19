// Starting the driver: which library is asked, under which variables, and what NVML adds.
#include "host/nvidia_devices.hpp"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "base/json.hpp"
#include "host/nvidia.hpp"
#include "unit/host/made_machine.hpp"
#include "unit/host/stand_in.hpp"

namespace {

using namespace hpcenv;
using host::DevicesSkipped;
using host::NvidiaFacts;
using host::ProbeDepth;
using host::ProbeEnd;
using host::ProbeStage;
using tests::MadeMachine;
namespace fs = std::filesystem;

/// A node with driver 550.54.15 whose libcuda lies in a folder of the test.
struct Node {
  explicit Node(const std::string& define = "") {
    add_library(folder.path(), define);
    machine.variables.set("LD_LIBRARY_PATH", folder.path().native());
    machine.files["/sys/module/nvidia/version"] = "550.54.15\n";
    for (const char* name : {"nvidiactl", "nvidia-uvm", "nvidia0"}) {
      machine.files[std::string("/dev/") + name] = "";
    }
  }

  void add_library(const fs::path& where, const std::string& define) {
    fs::create_directories(where);
    machine.files[tests::make_libcuda(where, define)] = "";
  }

  void add_management(const std::string& define) {
    const fs::path library = folder.path() / "libnvidia-ml.so.550.54.15";
    const std::string source = HPCENV_SOURCE_DIR "/tests/fake/libnvidia_ml.c";
    tests::run_gcc({"-shared", "-fPIC", "-w", define.empty() ? "-DPLAIN" : "-D" + define, "-o",
                    library.native(), source});
    const fs::path link = folder.path() / "libnvidia-ml.so.1";
    fs::create_symlink(library.filename(), link);
    machine.links[link.native()] = library.native();
  }

  NvidiaFacts probe(ProbeDepth depth = ProbeDepth::automatic) {
    return host::probe_nvidia(machine, base::SystemClock(), depth).facts;
  }

  tests::TemporaryDirectory folder;
  MadeMachine machine;
};

std::size_t starts(const MadeMachine& machine) {
  std::size_t count = 0;
  for (const host::LibcudaQuestion& question : machine.asked) {
    if (question.stage == ProbeStage::devices) ++count;
  }
  return count;
}

TEST_CASE("whether the driver is started, and why not", "[nvidia_devices]") {
  Node node;
  CHECK(node.probe(ProbeDepth::versions).devices_skipped == DevicesSkipped::not_wanted);
  CHECK(host::why_no_devices(node.probe(ProbeDepth::versions)) ==
        "the driver was asked for its version only");
  CHECK(node.probe().devices_skipped == DevicesSkipped::not_skipped);
  CHECK(host::why_no_devices(node.probe()).empty());
  node.machine.root = true;
  CHECK(node.probe().devices_skipped == DevicesSkipped::not_skipped);
  node.machine.files.erase("/dev/nvidia-uvm");
  const NvidiaFacts as_root = node.probe();
  CHECK(as_root.devices_skipped == DevicesSkipped::as_root);
  CHECK(as_root.libcuda[0].init_end == ProbeEnd::not_run);
  CHECK(host::why_no_devices(as_root).find("hpcenv ran as root") == 0);
  CHECK(node.probe(ProbeDepth::devices).libcuda[0].devices.size() == 2);
  node.machine.files.erase("/dev/nvidiactl");
  CHECK(host::why_no_devices(node.probe()).find("there is no /dev/nvidiactl") == 0);
  node.machine.files["/dev/dxg"] = "";
  CHECK(node.probe().devices_skipped == DevicesSkipped::not_skipped);
}

TEST_CASE("why there are no devices: what the library did", "[nvidia_devices]") {
  const auto why = [](const char* define) { return host::why_no_devices(Node(define).probe()); };
  CHECK(why("INIT_CODE=803") == "cuInit failed with 803 CUDA_ERROR_SYSTEM_DRIVER_MISMATCH");
  CHECK(why("NO_DEVICE") == "cuInit failed with 100 CUDA_ERROR_NO_DEVICE");
  CHECK(why("DEVICES=0") == "the driver shows no GPU");
  CHECK(why("CRASH_INIT") == "the driver crashes when it is started");
  CHECK(why("CRASH") == "the driver library does not answer");
  CHECK(why("STUB") == "programs load a stub in place of the driver");
  CHECK(host::why_no_devices({}) == "there is no driver library that programs could load");
}

TEST_CASE("all entries of CUDA_VISIBLE_DEVICES taken: one start is enough", "[nvidia_devices]") {
  Node node;
  node.machine.variables.set("CUDA_VISIBLE_DEVICES", "1");
  const NvidiaFacts facts = node.probe();
  CHECK(facts.libcuda[0].devices.size() == 1);
  CHECK(facts.libcuda[0].visible_devices == 1);
  CHECK(starts(node.machine) == 1);
}

TEST_CASE("entries dropped: the node is asked without the variable too", "[nvidia_devices]") {
  Node node;
  node.machine.variables.set("CUDA_VISIBLE_DEVICES", "0,7,1");
  const NvidiaFacts facts = node.probe();
  CHECK(facts.libcuda[0].devices.size() == 2);
  CHECK(facts.libcuda[0].visible_devices == 2);
  CHECK(starts(node.machine) == 2);
}

TEST_CASE("a value that the driver refuses is not the driver's fault", "[nvidia_devices]") {
  Node node("BAD_VISIBLE");
  node.machine.variables.set("CUDA_VISIBLE_DEVICES", "0,0");
  const NvidiaFacts facts = node.probe();
  CHECK(facts.libcuda[0].init_code == 0);
  CHECK(facts.libcuda[0].visible_code == 101);
  CHECK(facts.libcuda[0].visible_devices == 0);
  CHECK(facts.libcuda[0].devices.size() == 2);
}

TEST_CASE("behind an old compatibility library the node's own one is started", "[nvidia_devices]") {
  Node node("NEEDS_CLEAN_PATH");
  const fs::path compat = node.folder.path() / "compat";
  node.add_library(compat, "INIT_CODE=803");
  node.machine.variables.set("LD_LIBRARY_PATH",
                             compat.native() + ":" + node.folder.path().native());
  const NvidiaFacts facts = node.probe();
  REQUIRE(facts.libcuda.size() == 2);
  CHECK(facts.winner == 0U);
  CHECK(facts.libcuda[0].init_code == 803);
  CHECK(facts.libcuda[1].init_code == 0);
  CHECK(facts.libcuda[1].devices.size() == 2);
  host::NodeProfile profile;
  profile.nvidia = facts;
  CHECK(host::driver_library(profile) == &profile.nvidia.libcuda[1]);
  CHECK(host::cuda_arch_of(profile) == "8.0");
}

TEST_CASE("a compatibility library that starts is the driver", "[nvidia_devices]") {
  Node node("VERSION=12020");
  const fs::path compat = node.folder.path() / "compat";
  node.add_library(compat, "VERSION=12090");
  node.machine.variables.set("LD_LIBRARY_PATH",
                             compat.native() + ":" + node.folder.path().native());
  host::NodeProfile profile;
  profile.nvidia = node.probe();
  CHECK(starts(node.machine) == 1);
  CHECK(host::cuda_version_of(profile) == "12.9");
}

TEST_CASE("NVML tells brand, memory, slices and lost GPUs", "[nvidia_devices]") {
  Node node;
  node.add_management("");
  const NvidiaFacts facts = node.probe();
  REQUIRE(facts.nvml);
  CHECK(facts.nvml->end == ProbeEnd::answered);
  CHECK(facts.nvml->code == 0);
  REQUIRE(facts.nvml->gpus.size() == 3);
  const host::ManagedGpu& half = facts.nvml->gpus[0];
  CHECK(half.code == 0);
  CHECK(half.uuid == "GPU-00000000-aaaa-bbbb-cccc-000000000000");
  CHECK(half.brand == 14);
  CHECK(half.persistence == true);
  CHECK(half.mig == false);
  CHECK_FALSE(half.slices);
  CHECK(half.total_bytes == 80ULL << 30U);
  CHECK(half.free_bytes == 40ULL << 30U);
  CHECK(facts.nvml->gpus[1].mig == true);
  CHECK(facts.nvml->gpus[1].slices == 2);
  CHECK_FALSE(facts.nvml->gpus[1].free_bytes);
  CHECK(facts.nvml->gpus[1].code == 0);
  CHECK(facts.nvml->gpus[2].code == 15);
}

TEST_CASE("NVML that is old or refuses costs nothing but its answer", "[nvidia_devices]") {
  Node old;
  old.add_management("OLD");
  const NvidiaFacts facts = old.probe();
  CHECK(facts.nvml->gpus.size() == 3);
  CHECK_FALSE(facts.nvml->gpus[1].mig);
  Node mismatch;
  mismatch.add_management("INIT_CODE=18");
  CHECK(mismatch.probe().nvml->code == 18);
  CHECK(mismatch.probe().libcuda[0].devices.size() == 2);
}

TEST_CASE("only the NVML of the loaded driver is asked", "[nvidia_devices]") {
  Node node;
  node.add_management("");
  node.machine.files["/sys/module/nvidia/version"] = "550.54.14\n";
  CHECK_FALSE(node.probe().nvml);
  node.machine.files.erase("/sys/module/nvidia/version");
  CHECK_FALSE(node.probe().nvml);
  Node crashing("CRASH_INIT");
  crashing.add_management("");
  CHECK_FALSE(crashing.probe().nvml);
  Node versions;
  versions.add_management("");
  CHECK_FALSE(versions.probe(ProbeDepth::versions).nvml);
}

NvidiaFacts everything() {
  NvidiaFacts facts;
  facts.pci_gpus = 2;
  facts.kernel_module = "550.54.15";
  facts.nvswitches = 4;
  facts.jetson = "Jetson";
  facts.peermem = false;
  facts.control_error = 13;
  facts.uvm_error = 0;
  facts.mig_instances = 7;
  facts.mig_reachable = 1;
  facts.mps_control = true;
  facts.devices_skipped = DevicesSkipped::as_root;
  host::GpuFacts gpu;
  gpu.bus = "0000:62:00.0";
  gpu.pci_id = "0x2330";
  gpu.model = "NVIDIA H100 80GB HBM3";
  gpu.uuid = "GPU-1";
  gpu.firmware = "550.54.15";
  gpu.minor = 5;
  gpu.excluded = true;
  facts.gpus = {gpu, {}};
  host::ManagedGpu managed;
  managed.code = 16;
  managed.uuid = "GPU-1";
  managed.brand = 5;
  managed.persistence = false;
  managed.mig = true;
  managed.slices = 0;
  managed.total_bytes = 2;
  managed.free_bytes = 1;
  host::NvmlFacts nvml;
  nvml.path = "/usr/lib64/libnvidia-ml.so.1";
  nvml.end = ProbeEnd::timed_out;
  nvml.detail = "no answer";
  nvml.code = 18;
  nvml.gpus = {managed, {}};
  facts.nvml = nvml;
  host::LibcudaCandidate library;
  library.visible_code = 101;
  host::CudaDevice device;
  device.integrated = true;
  device.mps = false;
  library.devices = {device, {}};
  facts.libcuda = {library};
  return facts;
}

TEST_CASE("the facts go through JSON unchanged", "[nvidia_devices]") {
  const base::Json written = host::nvidia_to_json(everything());
  CHECK(written["gpus"][0]["minor"] == 5);
  CHECK(written["nvml"]["gpus"][0]["slices"] == 0);
  CHECK(written["devices_skipped"] == "as_root");
  CHECK(written["libcuda"][0]["devices"][0]["integrated"] == true);
  CHECK(host::nvidia_to_json(host::nvidia_from_json(written)).dump() == written.dump());
}

TEST_CASE("facts of an older hpcenv, and of wrong types, are not known", "[nvidia_devices]") {
  const base::Json written = host::nvidia_to_json(everything());
  for (const auto& [key, value] : written.items()) {
    for (const base::Json& wrong : {base::Json("text"), base::Json(-1.5), base::Json(nullptr),
                                    base::Json::array({1, "x", nullptr}), base::Json::object()}) {
      base::Json changed = written;
      changed[key] = wrong;
      INFO(key << " " << wrong.dump());
      CHECK_NOTHROW(host::nvidia_to_json(host::nvidia_from_json(changed)));
      changed.erase(key);
      CHECK_NOTHROW(host::nvidia_from_json(changed));
    }
  }
  const NvidiaFacts none = host::nvidia_from_json(base::Json::object());
  CHECK_FALSE(none.nvswitches);
  CHECK_FALSE(none.control_error);
  CHECK_FALSE(none.nvml);
  CHECK_FALSE(none.devices_skipped);
}

}  // namespace
