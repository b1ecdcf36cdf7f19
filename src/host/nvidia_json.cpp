#include <algorithm>
#include <array>
#include <utility>

#include "host/json_members.hpp"
#include "host/nvidia_facts.hpp"
#include "host/probe_end.hpp"

namespace hpcenv::host {

namespace {

constexpr std::array skip_names = {
    std::pair{DevicesSkipped::not_skipped, "not_skipped"},
    std::pair{DevicesSkipped::not_wanted, "not_wanted"},
    std::pair{DevicesSkipped::no_node, "no_node"},
    std::pair{DevicesSkipped::as_root, "as_root"},
};

std::optional<bool> known_flag_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_boolean()) return std::nullopt;
  return found->get<bool>();
}

std::optional<std::uint64_t> known_bytes_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<std::uint64_t>();
}

Json device_to_json(const CudaDevice& device) {
  Json value = {{"name", device.name},
                {"uuid", device.uuid},
                {"pci_bus_id", device.pci_bus_id},
                {"capability_major", device.capability_major},
                {"capability_minor", device.capability_minor},
                {"memory_bytes", device.memory_bytes},
                {"multiprocessors", device.multiprocessors},
                {"compute_mode", device.compute_mode},
                {"ecc", device.ecc}};
  put(value, "integrated", device.integrated);
  put(value, "mps", device.mps);
  return value;
}

CudaDevice device_from_json(const Json& value) {
  CudaDevice device;
  device.name = base::string_or(value, "name");
  device.uuid = base::string_or(value, "uuid");
  device.pci_bus_id = base::string_or(value, "pci_bus_id");
  device.capability_major = integer_in<int>(value, "capability_major").value_or(0);
  device.capability_minor = integer_in<int>(value, "capability_minor").value_or(0);
  device.memory_bytes = bytes_in(value, "memory_bytes");
  device.multiprocessors = integer_in<int>(value, "multiprocessors").value_or(0);
  device.compute_mode = integer_in<int>(value, "compute_mode").value_or(0);
  device.ecc = flag_in(value, "ecc");
  device.integrated = known_flag_in(value, "integrated");
  device.mps = known_flag_in(value, "mps");
  return device;
}

Json note_to_json(const CompatNote& note) {
  return {{"cuda", note.cuda}, {"drivers", note.drivers}, {"brands", note.brands}};
}

std::optional<CompatNote> note_from_json(const Json& value) {
  const auto found = value.find("compat");
  if (found == value.end() || !found->is_object()) return std::nullopt;
  CompatNote note;
  note.cuda = base::string_or(*found, "cuda");
  note.drivers = integers_in<int>(*found, "drivers");
  note.brands = integers_in<int>(*found, "brands");
  return note;
}

Json gpu_to_json(const GpuFacts& gpu) {
  Json value = {{"bus", gpu.bus},   {"pci_id", gpu.pci_id},     {"model", gpu.model},
                {"uuid", gpu.uuid}, {"firmware", gpu.firmware}, {"excluded", gpu.excluded}};
  put(value, "minor", gpu.minor);
  return value;
}

GpuFacts gpu_from_json(const Json& value) {
  GpuFacts gpu;
  gpu.bus = base::string_or(value, "bus");
  gpu.pci_id = base::string_or(value, "pci_id");
  gpu.model = base::string_or(value, "model");
  gpu.uuid = base::string_or(value, "uuid");
  gpu.firmware = base::string_or(value, "firmware");
  gpu.minor = integer_in<int>(value, "minor");
  gpu.excluded = flag_in(value, "excluded");
  return gpu;
}

Json managed_to_json(const ManagedGpu& gpu) {
  Json value = {{"code", gpu.code}, {"uuid", gpu.uuid}};
  put(value, "brand", gpu.brand);
  put(value, "persistence", gpu.persistence);
  put(value, "mig", gpu.mig);
  put(value, "slices", gpu.slices);
  put(value, "total_bytes", gpu.total_bytes);
  put(value, "free_bytes", gpu.free_bytes);
  return value;
}

ManagedGpu managed_from_json(const Json& value) {
  ManagedGpu gpu;
  gpu.code = integer_in<int>(value, "code").value_or(0);
  gpu.uuid = base::string_or(value, "uuid");
  gpu.brand = integer_in<int>(value, "brand");
  gpu.persistence = known_flag_in(value, "persistence");
  gpu.mig = known_flag_in(value, "mig");
  gpu.slices = integer_in<int>(value, "slices");
  gpu.total_bytes = known_bytes_in(value, "total_bytes");
  gpu.free_bytes = known_bytes_in(value, "free_bytes");
  return gpu;
}

Json nvml_to_json(const NvmlFacts& facts) {
  Json value = {{"path", facts.path}, {"end", name_of(facts.end)}, {"detail", facts.detail}};
  put(value, "code", facts.code);
  value["gpus"] = Json::array();
  for (const ManagedGpu& gpu : facts.gpus) value["gpus"].push_back(managed_to_json(gpu));
  return value;
}

std::optional<NvmlFacts> nvml_from_json(const Json& nvidia) {
  const Json value = object_in(nvidia, "nvml");
  if (value.empty()) return std::nullopt;
  NvmlFacts facts;
  facts.path = base::string_or(value, "path");
  facts.end = probe_end_from(base::string_or(value, "end"));
  facts.detail = base::string_or(value, "detail");
  facts.code = integer_in<int>(value, "code");
  for (const Json* gpu : objects_in(value, "gpus")) facts.gpus.push_back(managed_from_json(*gpu));
  return facts;
}

void put_skipped(Json& value, std::optional<DevicesSkipped> skipped) {
  const auto found = std::ranges::find_if(
      skip_names, [&](const auto& row) { return skipped && row.first == *skipped; });
  if (found != skip_names.end()) value["devices_skipped"] = found->second;
}

std::optional<DevicesSkipped> skipped_in(const Json& value) {
  const std::string name = base::string_or(value, "devices_skipped");
  const auto found =
      std::ranges::find_if(skip_names, [&](const auto& row) { return name == row.second; });
  if (found == skip_names.end()) return std::nullopt;
  return found->first;
}

/// What profiles of an older hpcenv do not have.
void put_newer_facts(Json& value, const NvidiaFacts& facts) {
  put(value, "nvswitches", facts.nvswitches);
  if (!facts.jetson.empty()) value["jetson"] = facts.jetson;
  put(value, "peermem", facts.peermem);
  put(value, "control_error", facts.control_error);
  put(value, "uvm_error", facts.uvm_error);
  put(value, "mig_instances", facts.mig_instances);
  put(value, "mig_reachable", facts.mig_reachable);
  put(value, "mps_control", facts.mps_control);
  put_skipped(value, facts.devices_skipped);
  if (facts.nvml) value["nvml"] = nvml_to_json(*facts.nvml);
  value["gpus"] = Json::array();
  for (const GpuFacts& gpu : facts.gpus) value["gpus"].push_back(gpu_to_json(gpu));
}

void take_newer_facts(const Json& value, NvidiaFacts& facts) {
  facts.nvswitches = integer_in<int>(value, "nvswitches");
  facts.jetson = base::string_or(value, "jetson");
  facts.peermem = known_flag_in(value, "peermem");
  facts.control_error = integer_in<int>(value, "control_error");
  facts.uvm_error = integer_in<int>(value, "uvm_error");
  facts.mig_instances = integer_in<int>(value, "mig_instances");
  facts.mig_reachable = integer_in<int>(value, "mig_reachable");
  facts.mps_control = known_flag_in(value, "mps_control");
  facts.devices_skipped = skipped_in(value);
  facts.nvml = nvml_from_json(value);
  for (const Json* gpu : objects_in(value, "gpus")) facts.gpus.push_back(gpu_from_json(*gpu));
}

Json candidate_to_json(const LibcudaCandidate& candidate) {
  Json value = {{"path", candidate.path},
                {"real_path", candidate.real_path},
                {"found_in", candidate.found_in},
                {"file_version", candidate.file_version},
                {"is_stub", candidate.is_stub},
                {"end", name_of(candidate.end)},
                {"detail", candidate.detail},
                {"init_end", name_of(candidate.init_end)},
                {"init_detail", candidate.init_detail}};
  if (candidate.compat) value["compat"] = note_to_json(*candidate.compat);
  put(value, "version_code", candidate.version_code);
  put(value, "cuda_version", candidate.cuda_version);
  put(value, "init_code", candidate.init_code);
  put(value, "init_milliseconds", candidate.init_milliseconds);
  put(value, "visible_devices", candidate.visible_devices);
  put(value, "visible_code", candidate.visible_code);
  value["devices"] = Json::array();
  for (const CudaDevice& device : candidate.devices) {
    value["devices"].push_back(device_to_json(device));
  }
  return value;
}

LibcudaCandidate candidate_from_json(const Json& value) {
  LibcudaCandidate candidate;
  candidate.path = base::string_or(value, "path");
  candidate.real_path = base::string_or(value, "real_path");
  candidate.found_in = base::string_or(value, "found_in");
  candidate.file_version = base::string_or(value, "file_version");
  candidate.is_stub = flag_in(value, "is_stub");
  candidate.compat = note_from_json(value);
  candidate.end = probe_end_from(base::string_or(value, "end"));
  candidate.detail = base::string_or(value, "detail");
  candidate.version_code = integer_in<int>(value, "version_code");
  candidate.cuda_version = integer_in<int>(value, "cuda_version");
  candidate.init_end = probe_end_from(base::string_or(value, "init_end"));
  candidate.init_detail = base::string_or(value, "init_detail");
  candidate.init_code = integer_in<int>(value, "init_code");
  candidate.init_milliseconds = integer_in<std::int64_t>(value, "init_milliseconds");
  candidate.visible_devices = integer_in<int>(value, "visible_devices");
  candidate.visible_code = integer_in<int>(value, "visible_code");
  for (const Json* device : objects_in(value, "devices")) {
    candidate.devices.push_back(device_from_json(*device));
  }
  return candidate;
}

}  // namespace

Json nvidia_to_json(const NvidiaFacts& facts) {
  Json value = {{"pci_gpus", facts.pci_gpus},
                {"kernel_module", facts.kernel_module},
                {"open_kernel_module", facts.open_kernel_module},
                {"nouveau", facts.nouveau},
                {"uvm", facts.uvm},
                {"wsl", facts.wsl},
                {"device_nodes", facts.device_nodes}};
  put(value, "winner", facts.winner);
  put_newer_facts(value, facts);
  value["libcuda"] = Json::array();
  for (const LibcudaCandidate& candidate : facts.libcuda) {
    value["libcuda"].push_back(candidate_to_json(candidate));
  }
  return value;
}

NvidiaFacts nvidia_from_json(const Json& value) {
  NvidiaFacts facts;
  facts.pci_gpus = integer_in<int>(value, "pci_gpus").value_or(0);
  facts.kernel_module = base::string_or(value, "kernel_module");
  facts.open_kernel_module = flag_in(value, "open_kernel_module");
  facts.nouveau = flag_in(value, "nouveau");
  facts.uvm = flag_in(value, "uvm");
  facts.wsl = flag_in(value, "wsl");
  facts.device_nodes = base::strings_or_empty(value, "device_nodes");
  take_newer_facts(value, facts);
  for (const Json* candidate : objects_in(value, "libcuda")) {
    facts.libcuda.push_back(candidate_from_json(*candidate));
  }
  const auto winner = integer_in<std::size_t>(value, "winner");
  if (winner && *winner < facts.libcuda.size()) facts.winner = winner;
  return facts;
}

}  // namespace hpcenv::host
