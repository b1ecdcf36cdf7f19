// How a cluster looks to a person.
#pragma once

#include <cstdint>
#include <string>

#include "cli/output.hpp"
#include "ops/site_profile.hpp"

namespace hpcenv::cli {

/// Partitions as a table, then the rules, then accounts; nothing where there is nothing to say.
std::string site_text(const ops::SiteAnswer& answer, std::int64_t now, const Output& output);

/// "a moment ago", "5 min ago", "3 h ago", "2 days ago".
std::string elapsed_text(std::int64_t seconds);

}  // namespace hpcenv::cli
