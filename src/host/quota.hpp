// How much may still be written somewhere. Today what the file system has free; limits of users,
// groups and projects belong here too.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.hpp"

namespace hpcenv::host {

struct Room {
  std::uint64_t bytes = 0;
  std::optional<std::uint64_t> inodes;  ///< nullopt: nobody counts them there
  std::string limited_by;               ///< for messages: "the file system of /home"
};

/// At `path` or its nearest existing parent; the tightest of all limits that are known.
Result<Room> room_at(const std::filesystem::path& path);

}  // namespace hpcenv::host
