// The Reporter of the command line: bars drawn in place on a terminal, one line a step in a log,
// nothing but warnings with --quiet.
#pragma once

#include <chrono>
#include <memory>

#include "base/reporter.hpp"
#include "cli/output.hpp"

namespace hpcenv::cli {

enum class Verbosity { quiet, normal, verbose };

/// `output` outlives it. Its destructor ends what is drawn, and so does a step without a name. On a
/// terminal a step that is over in less than 0.3 s leaves no trace, a longer one a line.
std::unique_ptr<base::Reporter> make_reporter(const Output& output, Verbosity verbosity);

}  // namespace hpcenv::cli
