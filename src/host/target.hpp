// The machines that jobs run on, under one name: the profiles of their nodes, and how to reach
// them (design.md section 2). `--on NAME` means one of these, never this machine.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/environment.hpp"
#include "base/json_fwd.hpp"
#include "base/result.hpp"
#include "host/node_profile.hpp"
#include "host/virtual_packages.hpp"

namespace hpcenv::host {

struct Target {
  std::string name;
  std::filesystem::path file;      ///< where it was read from
  std::vector<NodeProfile> nodes;  ///< at least one; kinds of node that a job may land on
  /// `reach` of the file, as it is: partition, account, gpu, time, ... (read by who submits jobs).
  std::shared_ptr<const base::Json> reach;
  /// How jobs looked at its nodes: "one", "per-feature", "all-nodes"; empty: they did not.
  std::string probed;
};

/// Letters, digits and `-_.+`, the first of them a letter or a digit, and no `.json` at the end.
/// Kind usage.
Result<> check_target_name(const std::string& name);

/// After so many days a profile may be wrong: drivers are updated.
inline constexpr std::int64_t old_profile_days = 30;
/// The time of the oldest profile that says when it was taken; 0: none does.
std::int64_t oldest_profile(const Target& target);
/// Whole days; nullopt where `taken_at` is 0. What is still to come counts as today.
std::optional<std::int64_t> age_in_days(std::int64_t taken_at, std::int64_t now);
/// "today", "1 day ago", "40 days ago", "nobody knows when".
std::string age_text(std::optional<std::int64_t> days);
bool is_old(std::optional<std::int64_t> days);
/// The command that makes a target of a partition's nodes; empty: the user has to say which.
std::string profile_command(const std::string& target, const std::string& partition);
/// The command that takes the profiles of a target anew.
std::string renew_command(const Target& target);

/// `targets` below the user's configuration, $HPCENV_SITE and /etc/hpcenv, in this order.
std::vector<std::filesystem::path> target_directories(const base::Environment& environment);

struct TargetFile {
  std::string name;
  std::filesystem::path file;
};
/// All that are stored, by name; where several directories have one, the first wins.
std::vector<TargetFile> stored_targets(const std::vector<std::filesystem::path>& directories);

/// A target file `{"format": 1, "nodes": [PROFILE...], "reach": {...}}`, the answer of `hpcenv
/// probe --json`, or a profile alone. Kind refused, naming `file`.
Result<Target> parse_target(std::string_view text, const std::filesystem::path& file);

/// `wanted` is a file where it holds a slash or ends in .json (relative to `working_directory`),
/// else the name of DIRECTORY/NAME.json; the first directory that has it wins. Kind not_found with
/// the names that there are.
Result<Target> load_target(const std::string& wanted,
                           const std::vector<std::filesystem::path>& directories,
                           const std::filesystem::path& working_directory);

/// The subdir of the target's nodes ("linux-aarch64"). Kind refused where they are of several
/// processors or one that is not known.
Result<std::string> subdir_of(const Target& target);

/// What every node of the target offers: the lowest version of each virtual package, none that one
/// of the nodes lacks. Overrides of `environment` count here as they do for this machine.
VirtualPackages virtual_packages(const Target& target, const base::Environment& environment,
                                 std::string_view subdir);

}  // namespace hpcenv::host
