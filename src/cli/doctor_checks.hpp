// The doctor's table of checks: as a list, as JSON, as the page of the reference.
#pragma once

#include <string>

#include "base/json_fwd.hpp"

namespace hpcenv::cli {

/// A heading a group, a line a check.
std::string check_list_text();
/// [{id, name, title, group, looks, cost, needs_environment, in_job}] (docs/reference/json.md)
base::Json check_list_json();
/// docs/reference/doctor-checks.md
std::string check_list_page();

}  // namespace hpcenv::cli
