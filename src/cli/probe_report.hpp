// A node profile for people.
#pragma once

#include <string>

#include "cli/output.hpp"
#include "host/node_profile.hpp"

namespace hpcenv::cli {

/// Headings with a fact a line below them, in 80 columns; only a longer word, such as a path, goes
/// beyond. What is not known is not shown, but for the driver, whose absence is explained.
std::string probe_report(const host::NodeProfile& profile, const Output& output);

}  // namespace hpcenv::cli
