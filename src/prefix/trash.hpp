// What a writer's folder leaves: the user's files are brought to safety, the rest is removed.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/result.hpp"
#include "prefix/create.hpp"
#include "prefix/own_folder.hpp"

namespace hpcenv::prefix {

/// Other nodes may have removed files mapped: NFS takes a file away from them, so there it waits a
/// day in the trash.
struct TrashRule {
  enum class Emptied { at_once, after_a_day };
  Emptied emptied = Emptied::at_once;
  std::int64_t now = 0;  ///< seconds since the epoch
};
/// `goes` empties at once wherever the prefix lies.
TrashRule trash_rule(const std::filesystem::path& prefix, LinkOptions::Trash trash);

/// Whether the folder holds nothing but trash whose day is not over.
bool is_waiting_trash(const Workplace& work, const TrashRule& rule);

/// Removes a writer's folder that holds no record, but for trash that waits. Files of the user's in
/// it go to .hpcenv/kept/DATE first.
Result<> remove_workplace(const Workplace& work, const TrashRule& rule);

/// The same, but the folder itself stays, empty: a lock that is held needs it. Trash that waits
/// moves to a folder of its own.
Result<> empty_workplace(const Workplace& work, const TrashRule& rule);

}  // namespace hpcenv::prefix
