#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "host/json_members.hpp"
#include "host/storage_facts.hpp"

namespace hpcenv::host {

namespace {

constexpr std::array ability_names = {
    std::pair{"runs_programs", &Abilities::runs_programs},
    std::pair{"hard_links", &Abilities::hard_links},
    std::pair{"symlinks", &Abilities::symlinks},
    std::pair{"reflinks", &Abilities::reflinks},
    std::pair{"renames_over", &Abilities::renames_over},
    std::pair{"flock", &Abilities::flock},
    std::pair{"record_locks", &Abilities::record_locks},
    std::pair{"case_sensitive", &Abilities::case_sensitive},
};

struct Kind {
  std::string_view type;
  Storage storage;
};

constexpr std::array kinds = {
    Kind{"nfs", Storage::network},     Kind{"cifs", Storage::network},
    Kind{"smb2", Storage::network},    Kind{"lustre", Storage::network},
    Kind{"gpfs", Storage::network},    Kind{"beegfs", Storage::network},
    Kind{"ceph", Storage::network},    Kind{"panfs", Storage::network},
    Kind{"afs", Storage::network},     Kind{"orangefs", Storage::network},
    Kind{"fuse", Storage::user_space}, Kind{"9p", Storage::user_space},
    Kind{"tmpfs", Storage::memory},    Kind{"ramfs", Storage::memory},
    Kind{"ext4", Storage::disk},       Kind{"xfs", Storage::disk},
    Kind{"btrfs", Storage::disk},      Kind{"overlay", Storage::disk},
    Kind{"zfs", Storage::disk},        Kind{"squashfs", Storage::disk},
    Kind{"ecryptfs", Storage::disk},   Kind{"erofs", Storage::disk},
    Kind{"f2fs", Storage::disk},
};

std::optional<bool> known_flag(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_boolean()) return std::nullopt;
  return found->get<bool>();
}

Json permissions_to_json(const Permissions& permissions) {
  return {{"mode", fmt::format("{:04o}", permissions.mode)},
          {"owner", permissions.owner},
          {"default_acl", permissions.default_acl}};
}

std::uint32_t mode_of(const std::string& text) {
  std::uint32_t mode = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '7' || mode > 07777) return 0;
    mode = mode * 8 + static_cast<std::uint32_t>(digit - '0');
  }
  return mode;
}

Permissions permissions_from_json(const Json& value) {
  return {mode_of(base::string_or(value, "mode")), base::string_or(value, "owner"),
          flag_in(value, "default_acl")};
}

Json quotas_to_json(const std::vector<QuotaFacts>& quotas) {
  Json list = Json::array();
  for (const QuotaFacts& quota : quotas) {
    Json value = {{"whose", quota.whose}};
    put(value, "free_bytes", quota.free_bytes);
    put(value, "free_inodes", quota.free_inodes);
    list.push_back(std::move(value));
  }
  return list;
}

void put_unless_empty(Json& value, const char* key, const std::string& text) {
  if (!text.empty()) value[key] = text;
}

/// What an older hpcenv did not look at.
void put_details(Json& value, const MountFacts& mount) {
  put_unless_empty(value, "existing", mount.existing == mount.path ? "" : mount.existing);
  if (mount.missing) value["missing"] = true;
  put_unless_empty(value, "mount_point", mount.mount_point);
  put(value, "device", mount.device);
  put(value, "group", mount.group);
  put(value, "writable", mount.writable);
  if (mount.locks_stay_on_node) value["locks_stay_on_node"] = true;
  if (mount.permissions) value["permissions"] = permissions_to_json(*mount.permissions);
  if (mount.abilities) {
    for (const auto& [name, member] : ability_names) {
      value["abilities"][name] = (*mount.abilities).*member;
    }
  }
  put_unless_empty(value, "untried", mount.untried);
  if (!mount.quotas.empty()) value["quotas"] = quotas_to_json(mount.quotas);
}

void take_details(const Json& value, MountFacts& mount) {
  mount.existing = base::string_or(value, "existing", mount.path);
  mount.missing = flag_in(value, "missing");
  mount.mount_point = base::string_or(value, "mount_point");
  mount.device = integer_in<std::uint64_t>(value, "device");
  mount.group = integer_in<std::uint64_t>(value, "group");
  mount.writable = known_flag(value, "writable");
  mount.locks_stay_on_node = flag_in(value, "locks_stay_on_node");
  mount.untried = base::string_or(value, "untried");
  const Json permissions = object_in(value, "permissions");
  if (!permissions.empty()) mount.permissions = permissions_from_json(permissions);
  const Json abilities = object_in(value, "abilities");
  if (!abilities.empty()) {
    mount.abilities.emplace();
    for (const auto& [name, member] : ability_names) {
      (*mount.abilities).*member = flag_in(abilities, name);
    }
  }
  for (const Json* quota : objects_in(value, "quotas")) {
    mount.quotas.push_back({base::string_or(*quota, "whose"),
                            integer_in<std::uint64_t>(*quota, "free_bytes"),
                            integer_in<std::uint64_t>(*quota, "free_inodes")});
  }
}

}  // namespace

Storage storage_of(const base::FileSystemFacts& facts) {
  const auto* const known = std::ranges::find(kinds, facts.type, &Kind::type);
  return known == kinds.end() ? Storage::unknown : known->storage;
}

Json file_system_to_json(const base::FileSystemFacts& facts) {
  return {{"type", facts.type},
          {"magic", facts.magic},
          {"free_bytes", facts.free_bytes},
          {"total_bytes", facts.total_bytes},
          {"free_inodes", facts.free_inodes},
          {"total_inodes", facts.total_inodes},
          {"no_exec", facts.no_exec},
          {"read_only", facts.read_only}};
}

base::FileSystemFacts file_system_from_json(const Json& value) {
  base::FileSystemFacts facts;
  facts.type = base::string_or(value, "type");
  facts.magic = integer_in<std::uint32_t>(value, "magic").value_or(0);
  facts.free_bytes = bytes_in(value, "free_bytes");
  facts.total_bytes = bytes_in(value, "total_bytes");
  facts.free_inodes = bytes_in(value, "free_inodes");
  facts.total_inodes = bytes_in(value, "total_inodes");
  facts.no_exec = flag_in(value, "no_exec");
  facts.read_only = flag_in(value, "read_only");
  return facts;
}

Json mount_to_json(const MountFacts& mount) {
  if (mount.hangs) return {{"purpose", mount.purpose}, {"path", mount.path}, {"hangs", true}};
  Json value = file_system_to_json(mount.facts);
  value["purpose"] = mount.purpose;
  value["path"] = mount.path;
  put_details(value, mount);
  return value;
}

MountFacts mount_from_json(const Json& value) {
  MountFacts mount;
  mount.purpose = base::string_or(value, "purpose");
  mount.path = base::string_or(value, "path");
  mount.hangs = flag_in(value, "hangs");
  if (mount.hangs) return mount;
  mount.facts = file_system_from_json(value);
  take_details(value, mount);
  return mount;
}

}  // namespace hpcenv::host
