// A variable that a form of rendering cannot hold: left out, and named to the user.
#pragma once

#include <string>
#include <string_view>

namespace hpcenv::shell {

struct RefusedVariable {
  std::string name;
  std::string reason;  ///< goes on after "because": "it holds a newline"
  bool operator==(const RefusedVariable&) const = default;
};

/// Well-formed UTF-8: no surrogates, nothing overlong, nothing above U+10FFFF.
bool is_utf8(std::string_view bytes);

}  // namespace hpcenv::shell
