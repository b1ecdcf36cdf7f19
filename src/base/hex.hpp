// Bytes that are no text, in JSON.
#pragma once

#include <string>
#include <string_view>

namespace hpcenv::base {

/// Whether `bytes` are well-formed UTF-8 (RFC 3629): what JSON can hold as it is.
bool is_utf8(std::string_view bytes);

std::string hex_of(std::string_view bytes);
/// The inverse, up to the first pair that is none.
std::string bytes_of(std::string_view hex);

}  // namespace hpcenv::base
