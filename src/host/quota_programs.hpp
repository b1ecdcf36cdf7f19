// What the programs `quota` and `lfs` print of a user's limits.
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

/// The line of `quota -w -p` for the file system that is mounted from `source`; nothing where there
/// is none or it cannot be read. The hard limit counts, else the soft one.
std::optional<QuotaRoom> parse_quota(std::string_view text, std::string_view source);
/// `lfs quota -q -u UID PATH`, which may break the line behind a long path.
std::optional<QuotaRoom> parse_lfs_quota(std::string_view text);

struct Mount {
  std::string source;  ///< "/dev/sda1", "server:/home"
  std::string point;
  std::string type;
};

/// The mount that an absolute path lies on, from the text of /proc/self/mounts.
std::optional<Mount> mount_of(std::string_view mounts, std::string_view path);

}  // namespace hpcenv::host
