// YAML (yaml-cpp) read into a Json tree.
#pragma once

#include <string_view>

#include "base/json_fwd.hpp"
#include "base/result.hpp"

namespace hpcenv::base {

/// Maps become objects, sequences arrays, every scalar a string (so `3.10` stays "3.10"), null
/// null. Malformed text, duplicate keys, aliases that expand without bound: kind refused,
/// "NAME:LINE:COLUMN: ...".
Result<Json> parse_yaml(std::string_view text, std::string_view name);

}  // namespace hpcenv::base
