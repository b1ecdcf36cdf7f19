// Rules and guards as JSON (docs/reference/activation-record.md).
#pragma once

#include "base/json_fwd.hpp"
#include "base/result.hpp"
#include "shell/recorded.hpp"

namespace hpcenv::shell {

/// With the class of each rule in words, for readers. Text that is not UTF-8 is written as hex.
base::Json recorded_to_json(const Recorded& recorded);
/// Kind refused where a member is missing or of another type.
Result<Recorded> recorded_from_json(const base::Json& json);

base::Json outcome_to_json(const Outcome& outcome);

}  // namespace hpcenv::shell
