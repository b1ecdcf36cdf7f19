#include "host/json_members.hpp"
#include "host/node_profile.hpp"

namespace hpcenv::host {

namespace {

/// Raised when a reader of the old format would decide wrongly on the new one.
constexpr int profile_format = 1;

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
                {"nvidia", nvidia_to_json(profile.nvidia)},
                {"system", system_to_json(profile.system)}};
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
  profile.system = system_from_json(object_in(value, "system"));
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
