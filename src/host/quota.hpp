// How much may still be written somewhere: what the file system has free, and what quotas leave of
// it. A project's quota on XFS and ext4 needs no question: there statvfs tells what it leaves.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/environment.hpp"
#include "base/process.hpp"
#include "base/result.hpp"
#include "host/storage_facts.hpp"

namespace hpcenv::host {

struct Room {
  std::uint64_t bytes = 0;
  std::optional<std::uint64_t> inodes;  ///< nullopt: nobody counts them there
  std::string limited_by;               ///< for messages: "the file system of /home"
};

/// At `path` or its nearest existing parent; the tightest of all limits that are known.
Result<Room> room_at(const std::filesystem::path& path);

/// Adds to each place what the programs of its file system say of this user's quota, of that of the
/// group that new files belong to, and on Lustre of the project's; `mounts` is the text of
/// /proc/self/mounts. They run beside each other; one that is missing, fails or does not answer in
/// 5 s, counted for all of them together, says nothing.
void ask_quotas(std::span<MountFacts> places, std::string_view mounts,
                const base::Environment& environment, base::ProcessRunner& runner);

/// The same, with the quotas of this user and of the group that new files there belong to, as
/// `quota` and, on Lustre, `lfs quota` tell them; there the project's too. A program that is
/// missing, fails or does not answer in 5 s says nothing.
Result<Room> room_with_quota(const std::filesystem::path& path,
                             const base::Environment& environment, base::ProcessRunner& runner);

}  // namespace hpcenv::host
