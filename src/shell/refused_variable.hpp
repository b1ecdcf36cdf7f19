// A variable that a form of rendering cannot hold: left out, and named to the user.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hpcenv::shell {

struct RefusedVariable {
  std::string name;
  std::string reason;  ///< goes on after "because": "it holds a newline"
  bool operator==(const RefusedVariable&) const = default;
};

/// Linux gives no program a string NAME=VALUE of more bytes (MAX_ARG_STRLEN, its NUL left out).
inline constexpr std::size_t longest_string = 131'071;
inline constexpr std::string_view too_long = "no program can be given so long a value";

/// Well-formed UTF-8: no surrogates, nothing overlong, nothing above U+10FFFF.
bool is_utf8(std::string_view bytes);

}  // namespace hpcenv::shell
