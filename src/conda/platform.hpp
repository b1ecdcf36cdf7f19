// Subdirs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hpcenv::conda {

/// The subdir of the machine this program was compiled for ("linux-64", "linux-aarch64").
std::string_view native_subdir();
bool is_known_subdir(std::string_view text);
/// {subdir, "noarch"}
std::vector<std::string> subdirs_for(std::string_view subdir);

}  // namespace hpcenv::conda
