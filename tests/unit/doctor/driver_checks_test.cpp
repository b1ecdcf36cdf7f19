// Checks of the groups driver and devices: each result that they can have, one profile a case. What
// a real machine looks like is in tests/host.
#include <catch2/catch_test_macros.hpp>
#include <cerrno>

#include "doctor/finding.hpp"
#include "host/node_profile.hpp"

namespace {

using namespace hpcenv;
using doctor::Finding;
using doctor::Severity;
using host::DevicesSkipped;
using host::LibcudaCandidate;
using host::ProbeEnd;

host::CudaDevice gpu(const char* name, int index, int major, int minor) {
  host::CudaDevice device;
  device.name = name;
  device.uuid = fmt::format("GPU-0000000{}-0b2d-4c61-9f0e-000000000000", index);
  device.pci_bus_id = fmt::format("0000:{:02x}:00.0", index);
  device.capability_major = major;
  device.capability_minor = minor;
  return device;
}

/// A node with one A100 under driver 580 (the open module), seen in November 2026.
struct GpuNode {
  GpuNode() {
    profile.hostname = "gpu1.cluster.example";
    profile.taken_at = 1795651200;
    host::NvidiaFacts& nvidia = profile.nvidia;
    nvidia.pci_gpus = 1;
    nvidia.kernel_module = "580.95.05";
    nvidia.open_kernel_module = true;
    nvidia.uvm = true;
    nvidia.nvswitches = 0;
    nvidia.control_error = 0;
    nvidia.uvm_error = 0;
    nvidia.mps_control = false;
    nvidia.device_nodes = {"/dev/nvidia-uvm", "/dev/nvidia0", "/dev/nvidiactl"};
    nvidia.devices_skipped = DevicesSkipped::not_skipped;
    host::GpuFacts facts;
    facts.bus = "0000:00:00.0";
    facts.pci_id = "0x20b2";
    facts.model = "NVIDIA A100-SXM4-80GB";
    facts.uuid = "GPU-00000000-0b2d-4c61-9f0e-000000000000";
    nvidia.gpus = {facts};
    LibcudaCandidate library;
    library.path = "/usr/lib64/libcuda.so.1";
    library.real_path = "/usr/lib64/libcuda.so.580.95.05";
    library.found_in = "ld.so.cache";
    library.file_version = "580.95.05";
    library.end = ProbeEnd::answered;
    library.version_code = 0;
    library.cuda_version = 13000;
    library.init_end = ProbeEnd::answered;
    library.init_code = 0;
    library.init_milliseconds = 300;
    library.devices = {gpu("NVIDIA A100-SXM4-80GB", 0, 8, 0)};
    nvidia.libcuda = {library};
    nvidia.winner = 0;
  }

  LibcudaCandidate& library() { return profile.nvidia.libcuda.front(); }
  void set(const char* name, const char* value) { profile.environment.set(name, value); }
  void in_job() { set("SLURM_JOB_ID", "7"); }
  void fails_with(int code) {
    library().init_code = code;
    library().devices.clear();
  }
  void lose_library() {
    profile.nvidia.libcuda.clear();
    profile.nvidia.winner.reset();
  }
  host::ManagedGpu& managed() {
    if (!profile.nvidia.nvml) profile.nvidia.nvml.emplace();
    host::ManagedGpu known;
    known.uuid = "GPU-00000000-0b2d-4c61-9f0e-000000000000";
    return profile.nvidia.nvml->gpus.emplace_back(known);
  }

  Finding examine(std::string_view id) const {
    doctor::Subject subject;
    subject.profile = &profile;
    for (const Finding& finding : doctor::examine(subject, doctor::all_checks())) {
      if (finding.id == id) return finding;
    }
    FAIL("no finding " << id);
    return {};
  }
  Severity severity(std::string_view id) const { return examine(id).severity; }

  host::NodeProfile profile;
};

bool says(const Finding& finding, std::string_view words) {
  return finding.text.find(words) != std::string::npos;
}

std::string only_command(const Finding& finding) {
  REQUIRE(finding.remedy);
  REQUIRE(finding.remedy->commands.size() == 1);
  return finding.remedy->commands[0];
}

TEST_CASE("a sound node passes all checks of driver and devices", "[driver]") {
  GpuNode node;
  host::ManagedGpu& gpu = node.managed();
  gpu.total_bytes = 80;
  gpu.free_bytes = 79;
  doctor::Subject subject;
  subject.profile = &node.profile;
  std::size_t count = 0;
  for (const Finding& finding : doctor::examine(subject, doctor::all_checks())) {
    if (!finding.id.starts_with('D') && !finding.id.starts_with('G')) continue;
    ++count;
    INFO(finding.id << " " << finding.text);
    CHECK(finding.severity == Severity::pass);
  }
  CHECK(count == 25);
}

TEST_CASE("checks of driver and devices on an empty profile find nothing bad", "[driver]") {
  host::NodeProfile profile;
  profile.nvidia.kernel_module = "580.95.05";
  profile.nvidia.pci_gpus = 1;
  doctor::Subject subject;
  subject.profile = &profile;
  for (const Finding& finding : doctor::examine(subject, doctor::all_checks())) {
    const bool expected = finding.id == "D03" || finding.id == "D12" || finding.id == "D13";
    INFO(finding.id << " " << finding.text);
    const bool bad = finding.severity == Severity::failure || finding.severity == Severity::warning;
    if (finding.id.starts_with('D') || finding.id.starts_with('G')) CHECK(bad == expected);
  }
}

TEST_CASE("absurd numbers in a profile are findings, not crashes", "[driver]") {
  for (const char* version : {"", "0", "99999999999999999999.1", "-1.2", "580", "580.x", "\xff"}) {
    GpuNode node;
    node.profile.nvidia.kernel_module = version;
    node.library().file_version = version;
    node.library().cuda_version = 2147483647;
    node.library().init_code = -2147483647 - 1;
    node.library().init_milliseconds = 9223372036854775807;
    node.library().visible_devices = -5;
    node.library().devices[0].capability_major = 2147483647;
    node.library().devices[0].compute_mode = -2147483647 - 1;
    node.profile.nvidia.pci_gpus = -7;
    node.profile.nvidia.nvswitches = -1;
    node.profile.nvidia.control_error = 2147483647;
    node.profile.nvidia.uvm_error = -1;
    node.profile.nvidia.mig_instances = -1;
    node.profile.taken_at = 9223372036854775807;
    host::ManagedGpu& managed = node.managed();
    managed.code = -1;
    managed.free_bytes = ~0ULL;
    managed.total_bytes = 0;
    CHECK_FALSE(node.examine("D10").text.empty());
    node.library().init_code = 0;
    CHECK_FALSE(node.examine("G01").text.empty());
    node.profile.taken_at = -9223372036854775807;
    CHECK_FALSE(node.examine("D15").text.empty());
  }
}

TEST_CASE("D01 on the bus, on a board, nowhere", "[driver]") {
  GpuNode node;
  CHECK(node.examine("D01").evidence.at(0) == "0000:00:00.0 NVIDIA A100-SXM4-80GB");
  node.profile.nvidia.pci_gpus = 0;
  CHECK(node.severity("D01") == Severity::info);
  node.profile.nvidia.jetson = "Jetson";
  CHECK(node.severity("D01") == Severity::pass);
  node.profile.nvidia.kernel_module.clear();
  CHECK(node.severity("D02") == Severity::info);
}

TEST_CASE("D03 no library: by what the machine is, how to get one", "[driver]") {
  GpuNode node;
  node.lose_library();
  CHECK(only_command(node.examine("D03")) == "apptainer exec --nv IMAGE ...");
  node.profile.system.container = "docker";
  CHECK(only_command(node.examine("D03")) == "docker run --gpus all IMAGE ...");
  node.profile.system.container = "podman";
  CHECK(only_command(node.examine("D03")) == "podman run --device nvidia.com/gpu=all IMAGE ...");
  node.profile.nvidia.kernel_module.clear();
  CHECK(node.severity("D03") == Severity::info);
  node.profile.nvidia.wsl = true;
  CHECK(only_command(node.examine("D03")) == "wsl.exe --update");
}

TEST_CASE("D03 a library that the loader does not give, or cannot load", "[driver]") {
  GpuNode node;
  node.profile.nvidia.winner.reset();
  CHECK(only_command(node.examine("D03")) == "export LD_LIBRARY_PATH=/usr/lib64");
  node.set("LD_LIBRARY_PATH", "/opt/lib");
  CHECK(node.severity("D03") == Severity::warning);
  CHECK(only_command(node.examine("D03")) == "export LD_LIBRARY_PATH=/usr/lib64:/opt/lib");
  node.library().end = ProbeEnd::cannot_load;
  node.library().detail = "libnvidia-fatbinaryloader.so.390.157: cannot open";
  CHECK(node.severity("D03") == Severity::failure);
  CHECK(says(node.examine("D03"), "cannot be loaded: libnvidia-fatbinaryloader"));
}

TEST_CASE("D05 libraries of several drivers", "[driver]") {
  GpuNode node;
  LibcudaCandidate other = node.library();
  other.path = "/opt/old/libcuda.so.1";
  other.file_version = "470.82.01";
  node.profile.nvidia.libcuda.push_back(other);
  const Finding left_over = node.examine("D05");
  CHECK(left_over.severity == Severity::warning);
  CHECK(left_over.remedy->text.find("Programs get the right one") == 0);
  node.profile.nvidia.kernel_module = "470.82.01";
  CHECK(only_command(node.examine("D05")) == "export LD_LIBRARY_PATH=/opt/old:$LD_LIBRARY_PATH");
  node.profile.nvidia.kernel_module = "550.54.15";
  CHECK(node.examine("D05").remedy->text.find("none is the kernel's") != std::string::npos);
  node.profile.nvidia.libcuda[1].end = ProbeEnd::cannot_load;  // of another architecture
  CHECK(node.severity("D05") == Severity::pass);
  node.lose_library();
  CHECK(node.severity("D05") == Severity::unavailable);
}

TEST_CASE("D09 what the solver is told", "[driver]") {
  GpuNode node;
  node.set("CONDA_OVERRIDE_CUDA", "13.0");
  CHECK(node.severity("D09") == Severity::pass);
  node.set("CONDA_OVERRIDE_CUDA_ARCH", "9.0");
  CHECK(only_command(node.examine("D09")) == "unset CONDA_OVERRIDE_CUDA_ARCH");
  CHECK(says(node.examine("D09"), "__cuda_arch, which is 8.0 here"));
  node.set("CONDA_OVERRIDE_CUDA", "");
  CHECK(node.severity("D09") == Severity::info);
  node.set("CONDA_OVERRIDE_CUDA", "12.4");
  node.lose_library();
  CHECK(says(node.examine("D09"), "__cuda, which this node does not have"));
}

TEST_CASE("D10 not started: one reason, and P04 has the same", "[driver]") {
  GpuNode node;
  node.library().init_code.reset();
  node.library().devices.clear();
  node.profile.nvidia.devices_skipped = DevicesSkipped::as_root;
  const Finding as_root = node.examine("D10");
  CHECK(as_root.severity == Severity::info);
  CHECK(says(as_root, host::why_no_devices(node.profile.nvidia)));
  CHECK(only_command(as_root) == "hpcenv probe --devices");
  node.profile.nvidia.devices_skipped = DevicesSkipped::no_node;
  CHECK(says(node.examine("D10"), "there is no /dev/nvidiactl, so the driver was not started"));
  node.profile.nvidia.devices_skipped.reset();  // a profile of an older hpcenv
  CHECK(says(node.examine("D10"), "hpcenv ran as root"));
  node.profile.nvidia.device_nodes.clear();
  CHECK(says(node.examine("D10"), "there is no /dev/nvidiactl"));
}

TEST_CASE("D10 refused variables, and a library behind the one that fails", "[driver]") {
  GpuNode node;
  node.library().visible_code = 101;
  CHECK(node.severity("D10") == Severity::pass);
  CHECK(says(node.examine("D10"), "under CUDA_VISIBLE_DEVICES it fails with 101"));
  LibcudaCandidate own = node.library();
  own.path = "/usr/lib64/nvidia/libcuda.so.1";
  node.fails_with(803);
  node.profile.nvidia.libcuda.push_back(own);
  CHECK(node.examine("D10").evidence.at(0) ==
        "/usr/lib64/nvidia/libcuda.so.1 starts and shows 1 GPU");
  node.profile.nvidia.libcuda[1].init_code = 999;
  CHECK(node.examine("D10").evidence.at(0) == "/usr/lib64/nvidia/libcuda.so.1 fails with 999 too");
}

TEST_CASE("D10 no GPU: in a job Slurm is asked, elsewhere the device files are looked at",
          "[driver]") {
  GpuNode node;
  node.fails_with(100);
  CHECK(only_command(node.examine("D10")) == "ls -l /dev/nvidia*");
  node.in_job();
  CHECK(only_command(node.examine("D10")) == "sbatch --gpus=1 ...");
}

TEST_CASE("D11 quick, slow, very slow, not known", "[driver]") {
  GpuNode node;
  node.library().init_milliseconds = 2000;
  node.managed().persistence = false;
  CHECK(node.severity("D11") == Severity::info);
  CHECK(node.examine("D11").evidence.at(0) == "persistence mode is off on this node");
  node.library().init_milliseconds = 10001;
  CHECK(node.severity("D11") == Severity::warning);
  CHECK(node.examine("D11").remedy->text.find("administrators of gpu1:") != std::string::npos);
  CHECK(node.examine("D11").remedy->commands.empty());
  node.in_job();
  CHECK(only_command(node.examine("D11")) == "sbatch --exclude=gpu1 ...");
  node.library().init_milliseconds.reset();
  CHECK(node.severity("D11") == Severity::unavailable);
}

TEST_CASE("D12 not loaded, no file, a file that does not open, brought up by the driver",
          "[driver]") {
  GpuNode node;
  node.profile.nvidia.uvm = false;
  CHECK(node.severity("D12") == Severity::pass);
  CHECK(says(node.examine("D12"), "when it was started"));
  node.fails_with(999);
  CHECK(says(node.examine("D12"), "the kernel module nvidia-uvm is not loaded"));
  CHECK(only_command(node.examine("D12")) == "nvidia-modprobe -u -c=0");
  node.profile.nvidia.uvm = true;
  node.profile.nvidia.uvm_error = EACCES;
  CHECK(says(node.examine("D12"), "may not be opened (Permission denied)"));
  node.profile.nvidia.device_nodes = {"/dev/nvidiactl"};
  CHECK(says(node.examine("D12"), "there is no /dev/nvidia-uvm"));
  node.profile.nvidia.kernel_module.clear();
  CHECK(node.severity("D12") == Severity::unavailable);
}

TEST_CASE("D13 the control file: refused by groups, by a job, by a container, broken", "[driver]") {
  GpuNode node;
  const auto with = [&](int error) {
    node.profile.nvidia.control_error = error;
    return node.examine("D13");
  };
  CHECK(only_command(with(EACCES)) == "ls -l /dev/nvidia*; id");
  CHECK(only_command(with(EPERM)) == "ls -l /dev/nvidia*");
  CHECK(with(EIO).remedy->text.find("Use another node") == 0);
  node.in_job();
  CHECK(only_command(with(EPERM)) == "sbatch --gpus=1 ...");
  node.profile.system.container = "docker";
  CHECK(only_command(with(EPERM)) == "docker restart CONTAINER");
  node.profile.system.container = "apptainer";
  CHECK(with(EPERM).remedy->commands.empty());
  CHECK(with(EPERM).remedy->text.find("Start the container again") == 0);
  node.profile.nvidia.control_error.reset();
  CHECK(node.severity("D13") == Severity::unavailable);
}

TEST_CASE("D13 files that are missing, and fewer than there are GPUs", "[driver]") {
  GpuNode node;
  node.profile.nvidia.pci_gpus = 4;
  CHECK(says(node.examine("D13"), "1 of this node's 4 GPUs"));
  CHECK(node.severity("D13") == Severity::info);
  node.profile.nvidia.device_nodes.clear();
  CHECK(node.severity("D13") == Severity::pass);
  node.fails_with(100);
  CHECK(only_command(node.examine("D13")) == "nvidia-modprobe -c 0 -u");
  CHECK(node.severity("D13") == Severity::warning);
  node.profile.system.container = "apptainer";
  CHECK(node.severity("D13") == Severity::failure);
  node.profile.nvidia.wsl = true;
  CHECK(node.severity("D13") == Severity::pass);
}

TEST_CASE("D14 a fabric that is up, down, not known, and 802 without one", "[driver]") {
  GpuNode node;
  node.profile.nvidia.nvswitches = 6;
  CHECK(says(node.examine("D14"), "the fabric of 6 NVSwitches is up"));
  node.fails_with(100);
  CHECK(node.severity("D14") == Severity::unavailable);
  node.fails_with(802);
  CHECK(node.severity("D14") == Severity::failure);
  CHECK(node.examine("D14").remedy->text.find("driver's version 580.95.05") != std::string::npos);
  node.profile.nvidia.nvswitches = 0;
  CHECK(node.examine("D14").remedy->text.find("uvm_disable_hmm=1") != std::string::npos);
  node.fails_with(0);
  node.profile.nvidia.nvswitches.reset();
  CHECK(node.severity("D14") == Severity::unavailable);
}

TEST_CASE("D15 kept, ended, newer than the table, of no branch, no driver", "[driver]") {
  GpuNode node;
  CHECK(says(node.examine("D15"), "long-term support branch R580, kept until 2028-06"));
  node.profile.taken_at = 1846108800;  // July 2028
  CHECK(node.severity("D15") == Severity::info);
  CHECK(says(node.examine("D15"), "does not keep since 2028-06"));
  const auto with = [&](const char* version) {
    node.profile.nvidia.kernel_module = version;
    return node.examine("D15");
  };
  CHECK(says(with("550.54.15"), "does not keep any more"));
  CHECK(with("700.10").severity == Severity::pass);
  CHECK(with("477.10").severity == Severity::info);
  node.profile.nvidia.kernel_module.clear();
  CHECK(says(node.examine("D15"), "580.95.05"));
  node.lose_library();
  CHECK(node.severity("D15") == Severity::unavailable);
}

TEST_CASE("D16 the flavour that a GPU needs, by its capability or its PCI id", "[driver]") {
  GpuNode node;
  node.library().devices = {gpu("NVIDIA B200", 0, 10, 0)};
  CHECK(node.severity("D16") == Severity::pass);
  node.profile.nvidia.open_kernel_module = false;
  CHECK(says(node.examine("D16"), "NVIDIA B200 needs the open kernel module"));
  node.library().devices = {gpu("Tesla P100", 0, 6, 0)};
  CHECK(node.severity("D16") == Severity::pass);
  node.profile.nvidia.open_kernel_module = true;
  CHECK(node.severity("D16") == Severity::failure);
  node.library().devices.clear();
  node.profile.nvidia.gpus[0].pci_id = "0x2901";
  CHECK(node.severity("D16") == Severity::pass);
  node.profile.nvidia.open_kernel_module = false;
  CHECK(node.severity("D16") == Severity::failure);
  node.profile.nvidia.gpus.clear();
  CHECK(node.severity("D16") == Severity::unavailable);
}

TEST_CASE("G01 all, some, none, hidden, not known", "[devices]") {
  GpuNode node;
  node.profile.nvidia.pci_gpus = 2;
  CHECK(node.severity("G01") == Severity::info);
  CHECK(says(node.examine("G01"), "CUDA_VISIBLE_DEVICES or a container"));
  node.profile.nvidia.gpus[0].excluded = true;
  CHECK(node.severity("G01") == Severity::pass);
  node.library().visible_devices = 0;
  CHECK(only_command(node.examine("G01")) == "unset CUDA_VISIBLE_DEVICES");
  node.in_job();
  CHECK(only_command(node.examine("G01")) == "sbatch --gpus=1 ...");
  node.fails_with(100);
  CHECK(node.severity("G01") == Severity::failure);
  node.fails_with(803);
  CHECK(node.severity("G01") == Severity::unavailable);
}

TEST_CASE("G02 slices and uuids that the driver's files and NVML know", "[devices]") {
  GpuNode node;
  node.set("CUDA_VISIBLE_DEVICES", "MIG-3c9f1a52-7d0e-5b8a-a2c4-1f0d6b9e7a21");
  CHECK(node.severity("G02") == Severity::pass);
  node.managed().mig = false;
  CHECK(node.examine("G02").evidence.at(0).find("no GPU here is cut into slices") !=
        std::string::npos);
  node.fails_with(100);
  node.set("CUDA_VISIBLE_DEVICES", "GPU-00000000");
  CHECK(node.severity("G02") == Severity::pass);
  node.set("CUDA_VISIBLE_DEVICES", "GPU-99999999");
  CHECK(node.severity("G02") == Severity::failure);
}

TEST_CASE("G03 and G04 GPUs that differ", "[devices]") {
  GpuNode node;
  node.library().devices.push_back(gpu("Tesla T4", 1, 7, 5));
  CHECK(node.severity("G04") == Severity::info);
  CHECK(says(node.examine("G04"), "the lowest, 7.5"));
  CHECK(only_command(node.examine("G03")) == "export CUDA_DEVICE_ORDER=PCI_BUS_ID");
  node.set("CUDA_DEVICE_ORDER", "PCI_BUS_ID");
  CHECK(node.severity("G03") == Severity::pass);
  node.library().devices = {gpu("strange", 0, 0, 0)};
  CHECK(node.severity("G04") == Severity::unavailable);
  node.fails_with(999);
  for (const char* id : {"G03", "G04", "G05", "G06", "G07", "G08"}) {
    INFO(id);
    CHECK(node.severity(id) == Severity::unavailable);
    CHECK(says(node.examine(id), "cuInit failed with 999"));
  }
}

TEST_CASE("G05 default, exclusive, prohibited", "[devices]") {
  GpuNode node;
  node.library().devices[0].compute_mode = 3;
  CHECK(node.severity("G05") == Severity::info);
  node.library().devices[0].compute_mode = 2;
  CHECK(node.severity("G05") == Severity::failure);
}

TEST_CASE("G06 off, a slice, cut elsewhere, nothing cut, out of reach", "[devices]") {
  GpuNode node;
  node.profile.nvidia.mig_instances = 0;
  CHECK(node.severity("G06") == Severity::pass);
  node.profile.nvidia.mig_instances = 2;
  CHECK(says(node.examine("G06"), "not those that programs get here"));
  node.profile.nvidia.mig_reachable = 0;
  node.fails_with(100);
  node.in_job();
  CHECK(says(node.examine("G06"), "the file of none is in /dev/nvidia-caps"));
  CHECK(only_command(node.examine("G06")) == "sbatch --gpus=1 ...");
  host::ManagedGpu& managed = node.managed();
  managed.mig = true;
  managed.slices = 0;
  CHECK(says(node.examine("G06"), "is in MIG mode, but there is no slice of it"));
  node.library().devices = {gpu("NVIDIA A100 MIG 1g.5gb", 0, 8, 0)};
  CHECK(node.severity("G06") == Severity::info);
}

TEST_CASE("G07 lost, needs a reset, broken memory", "[devices]") {
  GpuNode node;
  CHECK(says(node.examine("G07"), "0 of 1 correct errors"));
  node.managed().code = 4;
  CHECK(node.severity("G07") == Severity::pass);
  node.managed().code = 16;
  CHECK(says(node.examine("G07"), "needs a reset"));
  node.managed().code = 15;
  node.profile.nvidia.nvml->gpus[1].code = 0;
  CHECK(says(node.examine("G07"), "fell off the bus"));
  node.profile.nvidia.nvml.reset();
  node.fails_with(214);
  CHECK(node.severity("G07") == Severity::failure);
}

TEST_CASE("G08 half of the memory", "[devices]") {
  GpuNode node;
  CHECK(node.severity("G08") == Severity::unavailable);
  host::ManagedGpu& managed = node.managed();
  managed.total_bytes = 80;
  managed.free_bytes = 40;
  CHECK(node.severity("G08") == Severity::warning);
  managed.free_bytes = 41;
  CHECK(node.severity("G08") == Severity::pass);
  managed.uuid = "GPU-of-somebody-else";
  managed.free_bytes = 0;
  CHECK(node.severity("G08") == Severity::unavailable);
}

TEST_CASE("G09 served, fails, a folder without a daemon, not known", "[devices]") {
  GpuNode node;
  node.profile.nvidia.mps_control = true;
  CHECK(says(node.examine("G09"), "daemon is here"));
  node.library().devices[0].mps = true;
  CHECK(says(node.examine("G09"), "share the GPUs through MPS"));
  node.fails_with(807);
  CHECK(only_command(node.examine("G09")) == "nvidia-cuda-mps-control -d");
  node.set("CUDA_MPS_PIPE_DIRECTORY", "/tmp/mps");
  CHECK(only_command(node.examine("G09")) == "unset CUDA_MPS_PIPE_DIRECTORY");
  node.fails_with(0);
  node.profile.nvidia.mps_control = false;
  CHECK(node.severity("G09") == Severity::warning);
  node.set("CUDA_MPS_PIPE_DIRECTORY", "");
  node.profile.nvidia.mps_control.reset();
  CHECK(node.severity("G09") == Severity::unavailable);
}

}  // namespace
