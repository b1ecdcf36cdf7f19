// Where hpcenv's own configuration lies: settings, targets, recipes.
#pragma once

#include <filesystem>
#include <vector>

#include "base/environment.hpp"

namespace hpcenv::host {

/// `hpcenv` in $XDG_CONFIG_HOME, else in ~/.config; empty where neither variable says more.
std::filesystem::path user_configuration(const base::Environment& environment);

/// The user's, the site's ($HPCENV_SITE) and the machine's (/etc/hpcenv), in this order; those that
/// are known, whether they exist or not.
std::vector<std::filesystem::path> configuration_folders(const base::Environment& environment);

}  // namespace hpcenv::host
