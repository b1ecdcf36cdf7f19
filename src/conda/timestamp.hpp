// Points in time as people and tools write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.hpp"

namespace hpcenv::conda {

/// "2026-11-26 01:02:03", "2026-11-26T01:02:03Z", "...T01:02:03+01:00", fractions of a second cut
/// off; without a zone it is UTC. Seconds since the epoch.
std::optional<std::int64_t> parse_time(std::string_view text);

/// The value of --exclude-newer in milliseconds: a time as above; a date, whose whole day (UTC)
/// still counts; or an age before `now` (seconds): "12h", "7d", "2w". Kind usage.
Result<std::int64_t> parse_exclude_newer(std::string_view text, std::int64_t now);

}  // namespace hpcenv::conda
