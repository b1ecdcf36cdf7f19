// Bytes that are no text, in JSON.
#pragma once

#include <string>
#include <string_view>

namespace hpcenv::host {

std::string hex_of(std::string_view bytes);
/// The inverse, up to the first pair that is none.
std::string bytes_of(std::string_view hex);

}  // namespace hpcenv::host
