// Questions to a person at a terminal.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "cli/output.hpp"

namespace hpcenv::cli {

/// Shows the question on stderr and waits for a line on stdin: lower case, without blanks around;
/// kind not_found at the end of input. A signal ends the wait with kind interrupted or terminated.
Result<std::string> ask(std::string_view question, const Output& output);
/// The same in the letters that were typed: a name.
Result<std::string> ask_name(std::string_view question, const Output& output);

}  // namespace hpcenv::cli
