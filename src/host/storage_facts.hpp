// What a node shows of its file systems: plain values with a JSON round trip.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fs.hpp"
#include "base/json_fwd.hpp"

namespace hpcenv::host {

/// What a directory can do, tried with files of our own.
struct Abilities {
  bool runs_programs = false;
  bool hard_links = false;
  bool symlinks = false;
  bool reflinks = false;  ///< FICLONE: copies that share their blocks
  bool renames_over = false;
  bool flock = false;
  bool record_locks = false;  ///< fcntl, as open file description locks
  bool case_sensitive = false;
};

struct Permissions {
  std::uint32_t mode = 0;  ///< of stat, without the type
  std::string owner;       ///< "you", "root", "another user"
  bool default_acl = false;
};

/// What a quota leaves; nullopt: no limit of that kind.
struct QuotaFacts {
  std::string whose;  ///< "your quota", "your group's quota", "the project's quota"
  std::optional<std::uint64_t> free_bytes;
  std::optional<std::uint64_t> free_inodes;
};

/// What is optional is not known where it is absent: nobody looked, or an older hpcenv did.
struct MountFacts {
  std::string purpose;  ///< "home", "root", "environments", "package cache", "temporary files",
                        ///< "scratch", "job's local disk"
  std::string path;
  base::FileSystemFacts facts;
  bool hangs = false;       ///< no answer in time; then nothing else is known
  bool missing = false;     ///< `path` is not there: the facts are of what it would be made in
  std::string existing;     ///< `path` or its nearest parent that is there, symlinks resolved
  std::string mount_point;  ///< empty: not known
  std::optional<std::uint64_t> device;  ///< the same number: the same file system
  std::optional<std::uint64_t> group;   ///< that new files belong to
  std::optional<bool> writable;
  bool locks_stay_on_node = false;  ///< mounted so that other nodes do not see locks
  std::optional<Permissions> permissions;
  std::optional<Abilities> abilities;
  std::string untried;  ///< why nothing was tried
  std::vector<QuotaFacts> quotas;
};

/// Who stores the files of a file system.
enum class Storage {
  disk,    ///< of this node
  memory,  ///< of this node: gone with it
  network,
  user_space,  ///< FUSE, 9p: a program
  unknown,
};
Storage storage_of(const base::FileSystemFacts& facts);

base::Json file_system_to_json(const base::FileSystemFacts& facts);
/// Members that are missing or of another type keep their defaults, here and below.
base::FileSystemFacts file_system_from_json(const base::Json& value);

base::Json mount_to_json(const MountFacts& mount);
MountFacts mount_from_json(const base::Json& value);

}  // namespace hpcenv::host
