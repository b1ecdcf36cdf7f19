// Who holds a lock, as a value that other processes and hosts can read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace hpcenv::prefix {

struct LockHolder {
  std::string host;
  std::string boot;           ///< of the kernel
  std::string pid_namespace;  ///< "pid:[4026531836]"
  std::int64_t pid = 0;
  std::string started;     ///< field 22 of /proc/PID/stat, clock ticks
  std::string user;        ///< name, or number where /etc/passwd does not know it
  std::int64_t since = 0;  ///< seconds since the epoch
  std::string command;
};

/// This process, from now on; `command` is what it tells others that it does.
LockHolder this_process(std::string_view command);
/// One line of JSON.
std::string holder_text(const LockHolder& holder);
/// nullopt for anything but such a line: a holder may be about to write it.
std::optional<LockHolder> parse_holder(const std::string& text, const std::filesystem::path& file);

/// Only what this kernel can tell for sure: a process of this host, boot and pid namespace that is
/// not there any more, or a zombie.
bool is_gone(const LockHolder& holder);

/// "hpcenv install, process 12 of user ann on node7, since 2026-11-26 01:02:03 UTC".
std::string describe(const LockHolder& holder);

/// The name of a user of this machine, or the number; from /etc/passwd alone.
std::string user_name(std::int64_t user);
/// `user_name` of who owns `path`; empty where that cannot be told.
std::string owner_of(const std::filesystem::path& path);

}  // namespace hpcenv::prefix
