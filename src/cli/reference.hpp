// docs/reference/cli.md, from the tables.
#pragma once

#include <string>

namespace hpcenv::cli {

/// All commands with their options and examples, the settings, the exit codes; Markdown.
std::string reference_page();

}  // namespace hpcenv::cli
