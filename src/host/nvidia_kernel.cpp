#include "host/nvidia_kernel.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/text.hpp"
#include "host/libcuda_candidates.hpp"

namespace hpcenv::host {

namespace {

constexpr const char* pci_devices = "/sys/bus/pci/devices";
constexpr const char* driver_files = "/proc/driver/nvidia";
constexpr const char* control_node = "/dev/nvidiactl";
constexpr const char* uvm_node = "/dev/nvidia-uvm";
/// Longer than any name that a driver gives; a file that goes on is none of its.
constexpr std::size_t longest_value = 256;

std::string trimmed_file(const HostReader& reader, const std::string& path) {
  return std::string(base::trim(reader.read_text(path).value_or("")));
}

std::optional<int> small_number(std::string_view text) {
  const auto number = base::parse_unsigned(base::trim(text));
  if (!number || *number > static_cast<std::uint64_t>(std::numeric_limits<int>::max())) {
    return std::nullopt;
  }
  return static_cast<int>(*number);
}

/// The value of a line "Name: value"; empty where the line is another one.
std::string_view value_of(std::string_view line, std::string_view name) {
  if (!line.starts_with(name)) return {};
  const std::string_view rest = line.substr(name.size());
  if (!rest.starts_with(':')) return {};
  return base::trim(rest.substr(1)).substr(0, longest_value);
}

void read_pci(const HostReader& reader, NvidiaFacts& facts) {
  facts.nvswitches = 0;
  for (const std::string& name : reader.list(pci_devices)) {
    const std::string folder = fmt::format("{}/{}", pci_devices, name);
    if (trimmed_file(reader, folder + "/vendor") != "0x10de") continue;
    const std::string kind = trimmed_file(reader, folder + "/class");
    if (kind.starts_with("0x0680")) ++*facts.nvswitches;
    if (!kind.starts_with("0x03")) continue;
    ++facts.pci_gpus;
    GpuFacts gpu;
    gpu.bus = name;
    gpu.pci_id = trimmed_file(reader, folder + "/device").substr(0, longest_value);
    facts.gpus.push_back(std::move(gpu));
  }
}

/// Adds what the driver tells to the GPUs of the PCI bus. A container may show the one and not the
/// other.
void read_driver_gpus(const HostReader& reader, NvidiaFacts& facts) {
  const std::string folder = std::string(driver_files) + "/gpus";
  for (const std::string& bus : reader.list(folder)) {
    const auto text = reader.read_text(fmt::format("{}/{}/information", folder, bus));
    if (!text) continue;
    GpuFacts told = parse_gpu_information(*text);
    told.bus = bus;
    const auto same = std::ranges::find(facts.gpus, bus, &GpuFacts::bus);
    if (same == facts.gpus.end()) {
      facts.gpus.push_back(std::move(told));
    } else {
      told.pci_id = same->pci_id;
      *same = std::move(told);
    }
  }
  std::ranges::sort(facts.gpus, {}, &GpuFacts::bus);
}

/// "gi1" -> whether it is the folder of an instance; "mig", "access" are none.
bool is_instance(std::string_view name, std::string_view prefix) {
  return name.starts_with(prefix) && small_number(name.substr(prefix.size())).has_value();
}

void count_instance(const HostReader& reader, const std::string& folder, NvidiaFacts& facts) {
  facts.mig_instances = facts.mig_instances.value_or(0) + 1;
  const std::string access = reader.read_text(folder + "/access").value_or("");
  for (const std::string_view line : base::split_lines(access)) {
    const auto minor = small_number(value_of(line, "DeviceFileMinor"));
    if (minor && reader.exists(fmt::format("/dev/nvidia-caps/nvidia-cap{}", *minor))) {
      facts.mig_reachable = facts.mig_reachable.value_or(0) + 1;
    }
  }
}

/// The driver lists instances as capabilities/gpuN/mig/giN/ciN.
void read_mig(const HostReader& reader, NvidiaFacts& facts) {
  const std::string root = std::string(driver_files) + "/capabilities";
  if (!reader.exists(root)) return;
  facts.mig_instances = 0;
  facts.mig_reachable = 0;
  for (const std::string& gpu : reader.list(root)) {
    if (!is_instance(gpu, "gpu")) continue;
    const std::string mig = fmt::format("{}/{}/mig", root, gpu);
    for (const std::string& part : reader.list(mig)) {
      if (!is_instance(part, "gi")) continue;
      const std::string folder = fmt::format("{}/{}", mig, part);
      for (const std::string& instance : reader.list(folder)) {
        if (!is_instance(instance, "ci")) continue;
        count_instance(reader, fmt::format("{}/{}", folder, instance), facts);
      }
    }
  }
}

void read_nodes(const HostReader& reader, NvidiaFacts& facts) {
  for (const std::string& name : reader.list("/dev")) {
    if (name.starts_with("nvidia")) facts.device_nodes.push_back("/dev/" + name);
  }
  const auto has = [&](const char* node) {
    return std::ranges::find(facts.device_nodes, node) != facts.device_nodes.end();
  };
  if (has(control_node)) facts.control_error = reader.open_error(control_node);
  if (has(uvm_node)) facts.uvm_error = reader.open_error(uvm_node);
}

/// Boards of the Jetson family tell their name here, with a NUL at its end; servers with Grace have
/// no device tree.
std::string jetson_model(const HostReader& reader) {
  if (reader.machine() != "aarch64") return {};
  const std::string text = reader.read_text("/proc/device-tree/model").value_or("");
  const std::string model(base::trim(text.substr(0, text.find('\0')).substr(0, longest_value)));
  return model.find("Jetson") == std::string::npos ? "" : model;
}

bool has_mps_control(const HostReader& reader) {
  const std::string folder =
      reader.environment().get_or("CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps");
  return folder.starts_with('/') && reader.exists(folder + "/control");
}

}  // namespace

KernelModule parse_kernel_module(std::string_view text) {
  KernelModule module;
  const std::vector<std::string_view> lines = base::split_lines(text);
  if (lines.empty() || !lines[0].starts_with("NVRM version:")) return module;
  module.open = lines[0].find("Open Kernel Module") != std::string_view::npos;
  for (const std::string_view word : base::split_words(lines[0])) {
    if (!driver_version_in("libcuda.so." + std::string(word)).empty()) {
      module.version = word;
      break;
    }
  }
  return module;
}

GpuFacts parse_gpu_information(std::string_view text) {
  GpuFacts gpu;
  for (const std::string_view line : base::split_lines(text)) {
    const auto take = [&](std::string_view name, std::string& member) {
      if (const std::string_view value = value_of(line, name); !value.empty()) member = value;
    };
    take("Model", gpu.model);
    take("GPU UUID", gpu.uuid);
    take("Bus Location", gpu.bus);
    take("GPU Firmware", gpu.firmware);
    if (const auto minor = small_number(value_of(line, "Device Minor"))) gpu.minor = minor;
    if (value_of(line, "GPU Excluded") == "Yes") gpu.excluded = true;
  }
  if (gpu.firmware == "N/A") gpu.firmware.clear();
  return gpu;
}

NvidiaFacts kernel_facts(const HostReader& reader) {
  NvidiaFacts facts;
  read_pci(reader, facts);
  read_driver_gpus(reader, facts);
  const KernelModule module =
      parse_kernel_module(reader.read_text(std::string(driver_files) + "/version").value_or(""));
  facts.open_kernel_module = module.open;
  facts.kernel_module = trimmed_file(reader, "/sys/module/nvidia/version").substr(0, longest_value);
  if (facts.kernel_module.empty()) facts.kernel_module = module.version;
  facts.nouveau = reader.exists("/sys/module/nouveau");
  facts.uvm = reader.exists("/sys/module/nvidia_uvm");
  facts.peermem = reader.exists("/sys/module/nvidia_peermem");
  facts.wsl = reader.exists("/dev/dxg");
  facts.jetson = jetson_model(reader);
  facts.mps_control = has_mps_control(reader);
  read_mig(reader, facts);
  read_nodes(reader, facts);
  return facts;
}

}  // namespace hpcenv::host
