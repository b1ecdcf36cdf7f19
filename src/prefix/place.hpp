// The place of an environment: what may be there, and how whole trees come and go.
#pragma once

#include <filesystem>

#include "base/result.hpp"

namespace hpcenv::prefix {

class PrefixLock;

/// The topmost directory that making `directory` would make; empty where all is there.
std::filesystem::path topmost_missing(const std::filesystem::path& directory);

/// What the path itself must be like: at most 255 bytes, no characters that files written for it
/// could not hold. `prefix` is resolved.
Result<> check_prefix_text(const std::filesystem::path& prefix);
/// What is at the path: nothing, an empty directory, or an environment whose create was killed
/// before its link scripts had run. `prefix` is resolved.
Result<> check_prefix_place(const std::filesystem::path& prefix);

/// True where a create was killed between its rename and the end of its link scripts.
bool is_unfinished_create(const std::filesystem::path& prefix);

/// Renames the tree into the lock's folder, then removes it there; its name is free at once. Who
/// lost the lock has no such folder any more, so the rename fails and a later environment stays.
Result<> remove_place(const std::filesystem::path& prefix, const PrefixLock& lock);
/// Renames a tree made aside onto a missing or empty place; a refusal of the kernel in words.
Result<> take_place(const std::filesystem::path& directory, const std::filesystem::path& prefix);

}  // namespace hpcenv::prefix
