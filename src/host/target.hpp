// The machines that jobs run on, under one name: the profiles of their nodes, and how to reach
// them (design.md section 2). `--on NAME` means one of these, never this machine.
#pragma once

#include <filesystem>
#include <memory>
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
};

/// `targets` below the user's configuration, $HPCENV_SITE and /etc/hpcenv, in this order.
std::vector<std::filesystem::path> target_directories(const base::Environment& environment);

/// A target file `{"format": 1, "nodes": [PROFILE...], "reach": {...}}`, the answer of `hpcenv
/// probe
/// --json`, or a profile alone. Kind refused, naming `file`.
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
