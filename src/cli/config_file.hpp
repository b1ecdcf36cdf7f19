// Changes to a settings file that leave the rest of it, comments too, as it is.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "conda/condarc.hpp"

namespace hpcenv::cli {

/// `text` with `key` saying `value`, or without the key. Kind refused where the text cannot be read
/// as settings, or is written in a way that cannot be changed line by line.
Result<std::string> with_setting(std::string_view text, const conda::RcKey& key,
                                 const std::optional<conda::RcValue>& value,
                                 std::string_view source);

/// What the text itself says of a key, variables unexpanded; nothing where it says nothing.
Result<std::optional<conda::RcValue>> setting_in(std::string_view text, const conda::RcKey& key,
                                                 std::string_view source);

}  // namespace hpcenv::cli
