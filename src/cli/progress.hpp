// The Reporter of the command line: a redrawn line on a terminal, one line a step in a log, nothing
// with --quiet.
#pragma once

#include <chrono>
#include <memory>

#include "base/reporter.hpp"
#include "cli/output.hpp"

namespace hpcenv::cli {

enum class Verbosity { quiet, normal, verbose };

/// `output` outlives it. Its destructor ends the last line, and so does a step without a name.
std::unique_ptr<base::Reporter> make_terminal_reporter(const Output& output, Verbosity verbosity);

}  // namespace hpcenv::cli
