// Limits, kernel settings and the container of this machine, from /proc, /sys and variables.
#pragma once

#include <string_view>

#include "host/reader.hpp"
#include "host/system_facts.hpp"

namespace hpcenv::host {

/// What cannot be read stays unknown; nothing fails.
SystemFacts read_system(const HostReader& reader);

/// From the text of /proc/self/limits; lines that are missing or no limits stay unknown.
LimitFacts parse_limits(std::string_view text);

}  // namespace hpcenv::host
