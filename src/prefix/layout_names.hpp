// Names inside a prefix that conda's tools or hpcenv itself give a meaning to.
#pragma once

#include <string_view>

namespace hpcenv::prefix {

inline constexpr std::string_view meta_folder = "conda-meta";
inline constexpr std::string_view history_file = "conda-meta/history";  ///< makes it an environment
inline constexpr std::string_view state_file = "conda-meta/state";
inline constexpr std::string_view messages_file = ".messages.txt";  ///< written by link scripts
inline constexpr std::string_view own_folder = ".hpcenv";
inline constexpr std::string_view lock_name = "lock";      ///< in own_folder: its holder writes
inline constexpr std::string_view record_name = "record";  ///< in a writer's folder: unfinished
/// What is known of the activation scripts (docs/reference/activation-record.md).
inline constexpr std::string_view activation_file = ".hpcenv/activation.json";
inline constexpr std::string_view clobbered_folder = ".hpcenv/clobbered";
inline constexpr std::string_view scripts_folder = ".hpcenv/scripts";
/// Packages whose post-link scripts of a create have not all run, one a line.
inline constexpr std::string_view pending_scripts_file = ".hpcenv/scripts/create";

}  // namespace hpcenv::prefix
