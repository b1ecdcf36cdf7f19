// Help texts, from the table.
#pragma once

#include <string>

#include "cli/command.hpp"

namespace hpcenv::cli {

std::string program_help();
std::string command_help(const CommandSpec& command);
/// The commands of a group ("env"), for `hpcenv env`.
std::string group_help(const std::string& group);

}  // namespace hpcenv::cli
