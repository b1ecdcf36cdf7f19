// YAML (yaml-cpp) read into a Json tree.
#pragma once

#include <string>
#include <string_view>

#include "base/json_fwd.hpp"
#include "base/result.hpp"

namespace hpcenv::base {

/// Maps become objects, sequences arrays, every scalar a string (so `3.10` stays "3.10"), null
/// null. Malformed text, duplicate keys, aliases that expand without bound: kind refused,
/// "NAME:LINE:COLUMN: ...".
Result<Json> parse_yaml(std::string_view text, std::string_view name);

/// A text as a scalar that YAML 1.1 and 1.2 both read back as this very text: plain where neither
/// could take it for something else, else in double quotes.
std::string yaml_scalar(std::string_view text);

}  // namespace hpcenv::base
