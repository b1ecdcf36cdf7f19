#include "host/json_members.hpp"
#include "host/nvidia_facts.hpp"
#include "host/probe_end.hpp"

namespace hpcenv::host {

namespace {

Json device_to_json(const CudaDevice& device) {
  return {{"name", device.name},
          {"uuid", device.uuid},
          {"pci_bus_id", device.pci_bus_id},
          {"capability_major", device.capability_major},
          {"capability_minor", device.capability_minor},
          {"memory_bytes", device.memory_bytes},
          {"multiprocessors", device.multiprocessors},
          {"compute_mode", device.compute_mode},
          {"ecc", device.ecc}};
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
  for (const Json* candidate : objects_in(value, "libcuda")) {
    facts.libcuda.push_back(candidate_from_json(*candidate));
  }
  const auto winner = integer_in<std::size_t>(value, "winner");
  if (winner && *winner < facts.libcuda.size()) facts.winner = winner;
  return facts;
}

}  // namespace hpcenv::host
