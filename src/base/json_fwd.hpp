#pragma once

#include <nlohmann/json_fwd.hpp>

namespace hpcenv::base {
/// Objects keep the order of their members.
using Json = nlohmann::ordered_json;
}  // namespace hpcenv::base
