// The `[key=value, ...]` at the end of a match spec (CEP 29), and the older `(key=value)`.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace hpcenv::conda {

using KeyValue = std::pair<std::string, std::string>;  ///< key in lower case; value unquoted

/// Takes the groups from the end of `text`, leaves the positional part in it. Pairs come in the
/// order in which they stand. Kind bad_spec: an open quote or bracket.
Result<std::vector<KeyValue>> take_key_values(std::string_view& text);

}  // namespace hpcenv::conda
