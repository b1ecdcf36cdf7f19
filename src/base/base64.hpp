// Base64 of RFC 4648, in its first alphabet.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hpcenv::base {

std::string base64_of(std::string_view bytes);
/// Nothing for a text that is none; padding may be missing.
std::optional<std::string> bytes_of_base64(std::string_view text);

}  // namespace hpcenv::base
