// What the kernel's files tell of NVIDIA's driver: as the driver writes them, and as it never
// would.
#include "host/nvidia_kernel.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cerrno>

#include "unit/host/made_machine.hpp"

namespace {

using namespace hpcenv;
using host::GpuFacts;
using host::NvidiaFacts;
using tests::MadeMachine;

constexpr const char* h100 =
    "Model: \t\t NVIDIA H100 80GB HBM3\n"
    "IRQ:   \t\t 10\n"
    "GPU UUID: \t GPU-9221d5d1-b60b-a624-bf14-0a1819cfda3b\n"
    "Video BIOS: \t 96.00.99.00.01\n"
    "Bus Type: \t PCIe\n"
    "DMA Size: \t 52 bits\n"
    "DMA Mask: \t 0xfffffffffffff\n"
    "Bus Location: \t 0000:62:00.0\n"
    "Device Minor: \t 5\n"
    "GPU Firmware: \t 535.129.03\n"
    "GPU Excluded:\t No\n";

MadeMachine two_gpus() {
  MadeMachine machine;
  for (const char* bus : {"0000:62:00.0", "0000:e1:00.0"}) {
    const std::string folder = std::string("/sys/bus/pci/devices/") + bus;
    machine.files[folder + "/vendor"] = "0x10de\n";
    machine.files[folder + "/class"] = "0x030200\n";
    machine.files[folder + "/device"] = "0x2330\n";
  }
  const std::string gpus = "/proc/driver/nvidia/gpus/";
  machine.files[gpus + "0000:62:00.0/information"] = h100;
  machine.files[gpus + "0000:e1:00.0/information"] =
      "Model: \t\t NVIDIA H100 80GB HBM3\nGPU UUID: \t GPU-\?\?\?\?\?\?\?\?-\?\?\?\?\n"
      "Bus Location: \t 0000:e1:00.0\nDevice Minor: \t 0\nGPU Firmware: \t N/A\n"
      "GPU Excluded:\t Yes\n";
  return machine;
}

TEST_CASE("the driver's file of a GPU", "[nvidia_kernel]") {
  const GpuFacts gpu = host::parse_gpu_information(h100);
  CHECK(gpu.model == "NVIDIA H100 80GB HBM3");
  CHECK(gpu.uuid == "GPU-9221d5d1-b60b-a624-bf14-0a1819cfda3b");
  CHECK(gpu.bus == "0000:62:00.0");
  CHECK(gpu.minor == 5);
  CHECK(gpu.firmware == "535.129.03");
  CHECK_FALSE(gpu.excluded);
}

TEST_CASE("a GPU's file that no driver writes leaves its GPU unknown", "[nvidia_kernel]") {
  for (const char* text :
       {"", "\n\n", "Model", "Model:", "Device Minor: -1", "Device Minor: 9999999999999",
        "Device Minor: 0x5", "GPU Excluded: yes", ":::", "model: a"}) {
    INFO(text);
    const GpuFacts gpu = host::parse_gpu_information(text);
    CHECK(gpu.model.empty());
    CHECK_FALSE(gpu.minor);
    CHECK_FALSE(gpu.excluded);
  }
  const std::string endless = "Model: " + std::string(1U << 20U, 'x');
  CHECK(host::parse_gpu_information(endless).model.size() == 256);
}

TEST_CASE("GPUs of the PCI bus with what the driver tells of them", "[nvidia_kernel]") {
  MadeMachine machine = two_gpus();
  machine.files["/sys/bus/pci/devices/0000:05:00.0/vendor"] = "0x10de\n";
  machine.files["/sys/bus/pci/devices/0000:05:00.0/class"] = "0x068000\n";
  machine.files["/sys/bus/pci/devices/0000:06:00.0/vendor"] = "0x1a03\n";
  machine.files["/sys/bus/pci/devices/0000:06:00.0/class"] = "0x030000\n";
  const NvidiaFacts facts = host::kernel_facts(machine);
  CHECK(facts.pci_gpus == 2);
  CHECK(facts.nvswitches == 1);
  REQUIRE(facts.gpus.size() == 2);
  CHECK(facts.gpus[0].pci_id == "0x2330");
  CHECK(facts.gpus[0].minor == 5);
  CHECK(facts.gpus[1].excluded);
  CHECK(facts.gpus[1].firmware.empty());
}

TEST_CASE("a GPU that the driver does not have keeps its PCI id alone", "[nvidia_kernel]") {
  MadeMachine machine = two_gpus();
  machine.files.erase("/proc/driver/nvidia/gpus/0000:e1:00.0/information");
  machine.files["/proc/driver/nvidia/gpus/0000:ff:00.0/information"] = h100;
  const NvidiaFacts facts = host::kernel_facts(machine);
  CHECK(facts.pci_gpus == 2);
  REQUIRE(facts.gpus.size() == 3);
  CHECK(facts.gpus[1].model.empty());
  CHECK(facts.gpus[2].bus == "0000:ff:00.0");
}

TEST_CASE("device files: only those are opened that start no GPU", "[nvidia_kernel]") {
  MadeMachine machine;
  for (const char* node : {"nvidiactl", "nvidia-uvm", "nvidia0", "null"}) {
    machine.files[std::string("/dev/") + node] = "";
  }
  machine.open_errors = {{"/dev/nvidiactl", EPERM}, {"/dev/nvidia-uvm", 0}};
  const NvidiaFacts facts = host::kernel_facts(machine);
  CHECK(facts.device_nodes.size() == 3);
  CHECK(facts.control_error == EPERM);
  CHECK(facts.uvm_error == 0);
  CHECK_FALSE(host::kernel_facts(MadeMachine()).control_error);
}

TEST_CASE("MIG instances, and those whose file is here", "[nvidia_kernel]") {
  MadeMachine machine;
  CHECK_FALSE(host::kernel_facts(machine).mig_instances);
  const std::string root = "/proc/driver/nvidia/capabilities/";
  machine.files[root + "mig/config"] = "DeviceFileMinor: 1\n";
  CHECK(host::kernel_facts(machine).mig_instances == 0);
  machine.files[root + "gpu0/mig/gi1/access"] = "DeviceFileMinor: 12\nDeviceFileMode: 292\n";
  machine.files[root + "gpu0/mig/gi1/ci0/access"] = "DeviceFileMinor: 13\nDeviceFileMode: 292\n";
  machine.files[root + "gpu0/mig/gi2/ci0/access"] = "DeviceFileMinor: 22\n";
  machine.files[root + "gpu0/mig/gi2/ci1/access"] = "nonsense";
  machine.files["/dev/nvidia-caps/nvidia-cap13"] = "";
  const NvidiaFacts facts = host::kernel_facts(machine);
  CHECK(facts.mig_instances == 3);
  CHECK(facts.mig_reachable == 1);
}

TEST_CASE("boards of Jetson, MPS, peer memory", "[nvidia_kernel]") {
  MadeMachine machine;
  machine.files["/proc/device-tree/model"] =
      std::string("NVIDIA Jetson AGX Orin Developer Kit\0", 37);
  CHECK(host::kernel_facts(machine).jetson.empty());
  machine.processor = "aarch64";
  machine.files["/tmp/nvidia-mps/control"] = "";
  machine.files["/sys/module/nvidia_peermem/version"] = "580.65.06";
  const NvidiaFacts facts = host::kernel_facts(machine);
  CHECK(facts.jetson == "NVIDIA Jetson AGX Orin Developer Kit");
  CHECK(facts.mps_control == true);
  CHECK(facts.peermem == true);
  machine.variables.set("CUDA_MPS_PIPE_DIRECTORY", "relative");
  CHECK(host::kernel_facts(machine).mps_control == false);
  machine.files["/proc/device-tree/model"] = "Raspberry Pi 5";
  CHECK(host::kernel_facts(machine).jetson.empty());
}

TEST_CASE("kernel files that no driver writes give no version and do no harm", "[nvidia_kernel]") {
  const std::string endless(1U << 20U, '9');
  for (const std::string& text :
       {std::string(), std::string("\0\0\0", 3), std::string("NVRM version:"),
        "NVRM version: " + endless,
        std::string("NVRM version: NVIDIA UNIX x86_64 Kernel Module  99999999999999999999.1\n"),
        std::string("NVRM version: \xff\xfe 535.x\n")}) {
    MadeMachine machine;
    machine.files["/proc/driver/nvidia/version"] = text;
    machine.files["/sys/bus/pci/devices/x/vendor"] = "0x10de";
    CHECK(host::kernel_facts(machine).kernel_module.empty());
  }
  MadeMachine machine;
  machine.files["/sys/module/nvidia/version"] = endless;
  CHECK(host::kernel_facts(machine).kernel_module.size() == 256);
}

}  // namespace
