// Texts of others on a terminal: names in packages and answers of servers must not move its cursor.
#pragma once

#include <string>
#include <string_view>

namespace hpcenv::cli {

/// Control characters but for line ends and tabs as `\xNN`.
std::string printable(std::string_view text);

}  // namespace hpcenv::cli
