#include "host/quota.hpp"

#include "base/fs.hpp"

namespace hpcenv::host {

Result<Room> room_at(const std::filesystem::path& path) {
  HPCENV_ASSIGN(const base::FileSystemFacts facts, base::file_system_facts(path));
  Room room;
  room.bytes = facts.free_bytes;
  if (facts.total_inodes != 0) room.inodes = facts.free_inodes;
  room.limited_by = "the file system of " + path.string();
  return room;
}

}  // namespace hpcenv::host
