#include <limits>
#include <utility>

#include "base/json.hpp"
#include "host/node_profile.hpp"
#include "host/probe_end.hpp"

namespace hpcenv::host {

namespace {

using base::Json;

/// Raised when a reader of the old format would decide wrongly on the new one.
constexpr int profile_format = 1;

template <class T>
void put(Json& object, const char* key, const std::optional<T>& value) {
  if (value) object[key] = *value;
}

template <class T>
std::optional<T> integer_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  const auto value = found->get<std::int64_t>();
  if (!std::in_range<T>(value)) return std::nullopt;
  return static_cast<T>(value);
}

std::uint64_t bytes_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  const bool usable = found != object.end() && found->is_number_unsigned();
  return usable ? found->get<std::uint64_t>() : 0;
}

bool flag_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

/// An array's objects; empty where the member is missing or something else.
std::vector<const Json*> objects_in(const Json& object, const char* key) {
  std::vector<const Json*> members;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return members;
  for (const Json& member : *found) {
    if (member.is_object()) members.push_back(&member);
  }
  return members;
}

Json object_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : Json::object();
}

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

Json mount_to_json(const MountFacts& mount) {
  return {{"purpose", mount.purpose},
          {"path", mount.path},
          {"type", mount.facts.type},
          {"magic", mount.facts.magic},
          {"free_bytes", mount.facts.free_bytes},
          {"total_bytes", mount.facts.total_bytes},
          {"free_inodes", mount.facts.free_inodes},
          {"total_inodes", mount.facts.total_inodes},
          {"no_exec", mount.facts.no_exec},
          {"read_only", mount.facts.read_only}};
}

MountFacts mount_from_json(const Json& value) {
  MountFacts mount;
  mount.purpose = base::string_or(value, "purpose");
  mount.path = base::string_or(value, "path");
  mount.facts.type = base::string_or(value, "type");
  mount.facts.magic = integer_in<std::uint32_t>(value, "magic").value_or(0);
  mount.facts.free_bytes = bytes_in(value, "free_bytes");
  mount.facts.total_bytes = bytes_in(value, "total_bytes");
  mount.facts.free_inodes = bytes_in(value, "free_inodes");
  mount.facts.total_inodes = bytes_in(value, "total_inodes");
  mount.facts.no_exec = flag_in(value, "no_exec");
  mount.facts.read_only = flag_in(value, "read_only");
  return mount;
}

Result<> require_known_format(const Json& value, std::string_view name) {
  if (!value.is_object()) {
    return fail(ErrorKind::refused, "{}: a node profile is a JSON object", name);
  }
  const auto format = integer_in<int>(value, "format");
  if (!format || *format < 1) {
    return fail(ErrorKind::refused, "{}: not a node profile: it has no \"format\"", name);
  }
  if (*format <= profile_format) return {};
  return fail_hint(ErrorKind::refused,
                   fmt::format("{}: node profile of format {}, this hpcenv reads up to {}", name,
                               *format, profile_format),
                   "update hpcenv, or take the profile again with `hpcenv probe --json`");
}

}  // namespace

Json profile_to_json(const NodeProfile& profile) {
  Json value = {{"format", profile_format},
                {"hostname", profile.hostname},
                {"taken_at", profile.taken_at},
                {"machine", profile.machine},
                {"kernel", profile.kernel},
                {"glibc", profile.glibc},
                {"cpu", profile.cpu},
                {"memory_bytes", profile.memory_bytes},
                {"nvidia", nvidia_to_json(profile.nvidia)}};
  value["mounts"] = Json::array();
  for (const MountFacts& mount : profile.mounts) value["mounts"].push_back(mount_to_json(mount));
  value["environment"] = Json::object();
  for (const auto& [key, text] : profile.environment.all()) value["environment"][key] = text;
  return value;
}

Result<NodeProfile> profile_from_json(const Json& value, std::string_view name) {
  HPCENV_TRY(require_known_format(value, name));
  NodeProfile profile;
  HPCENV_ASSIGN(profile.machine, base::require_string(value, "machine", name));
  HPCENV_ASSIGN(profile.kernel, base::require_string(value, "kernel", name));
  profile.hostname = base::string_or(value, "hostname");
  profile.taken_at = base::integer_or(value, "taken_at");
  profile.glibc = base::string_or(value, "glibc");
  profile.cpu = base::string_or(value, "cpu");
  profile.memory_bytes = bytes_in(value, "memory_bytes");
  profile.nvidia = nvidia_from_json(object_in(value, "nvidia"));
  for (const Json* mount : objects_in(value, "mounts")) {
    profile.mounts.push_back(mount_from_json(*mount));
  }
  const Json environment = object_in(value, "environment");
  for (const auto& [key, text] : environment.items()) {
    if (text.is_string()) profile.environment.set(key, text.get<std::string>());
  }
  return profile;
}

}  // namespace hpcenv::host
