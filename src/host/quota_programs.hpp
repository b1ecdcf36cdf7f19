// What the programs `quota` and `lfs` print of limits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hpcenv::host {

/// What may still be written before a limit is reached; nullopt: no limit is set.
struct QuotaRoom {
  std::optional<std::uint64_t> bytes;
  std::optional<std::uint64_t> inodes;
};

/// Of one file system: the user's limits and those of one of the user's groups.
struct QuotaRooms {
  std::optional<QuotaRoom> user;
  std::optional<QuotaRoom> group;
};

/// The lines of `quota -w -p -u -g` for the file system that is mounted from `source`, of the user
/// and of group `gid`; nothing where there is none or it cannot be read. The hard limit counts,
/// else the soft one.
QuotaRooms parse_quota(std::string_view text, std::string_view source, std::uint64_t gid);
/// `lfs quota -q -u UID PATH` (or -g, -p), which may break the line behind a long path.
std::optional<QuotaRoom> parse_lfs_quota(std::string_view text);
/// `lfs project -d PATH`: "ID P PATH", where what is made there belongs to the project; 0 belongs
/// to none.
std::optional<std::uint64_t> parse_lfs_project(std::string_view text);

struct Mount {
  std::string source;  ///< "/dev/sda1", "server:/home"
  std::string point;
  std::string type;
  std::string options;  ///< "rw,localflock"
};

/// The mount that an absolute path lies on, from the text of /proc/self/mounts.
std::optional<Mount> mount_of(std::string_view mounts, std::string_view path);

}  // namespace hpcenv::host
