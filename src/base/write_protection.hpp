// A process that can write in named places only (Landlock, kernel 5.13 and newer).
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "base/fs.hpp"

namespace hpcenv::base {

/// A rule set for `confine_writes`: whoever enters it, and all that it starts, may create, change
/// and remove files below `writable` alone (and write to /dev/null), and open no TCP connection
/// where the kernel can forbid it (6.7). Modes and times of files are not covered. Nothing where
/// the kernel has no Landlock, or it is switched off.
std::optional<Fd> write_protection(const std::vector<std::filesystem::path>& writable);

/// Enters it, for ever. Async-signal-safe: for the time between fork and execve.
bool confine_writes(int rule_set);

}  // namespace hpcenv::base
