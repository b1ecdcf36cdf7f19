#include "host/json_members.hpp"
#include "host/storage_facts.hpp"

namespace hpcenv::host {

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

}  // namespace hpcenv::host
