// What commands for shells share: names of shells, and the path of this program.
#pragma once

#include <filesystem>
#include <string>

#include "cli/session.hpp"
#include "ops/shell_activation.hpp"

namespace hpcenv::cli {

/// Kind usage, naming those that work, for any other.
Result<shell::Dialect> dialect_named(const std::string& name);
/// The last part of $SHELL, where it is one that hpcenv knows; else bash.
std::string login_shell(const Session& session);
/// Where this program lies; empty where the kernel does not say, or it was moved since.
std::filesystem::path own_path();
/// What is to stand before the prompt.
shell::PromptFormat prompt_format(const Session& session);

}  // namespace hpcenv::cli
