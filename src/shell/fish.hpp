// What render and hook of shell_change.hpp are in fish.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shell/shell_change.hpp"

namespace hpcenv::shell {

std::string render_fish(const std::vector<Statement>& statements);
std::string hook_fish(std::string_view program);

}  // namespace hpcenv::shell
