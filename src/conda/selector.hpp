// Conditions on the platform in environment files (CEP 24, "Preprocessing selectors").
#pragma once

#include <optional>
#include <string_view>

#include "base/result.hpp"

namespace hpcenv::conda {

/// `linux and (x86_64 or aarch64)`, also with `not`, of a comment `# [...]`. Nothing where no word
/// of the text is a platform's: then it is a plain comment. Kind refused for a condition that has
/// one and cannot be read, or asks for what no subdir says (py, np, build_platform).
Result<std::optional<bool>> evaluate_selector(std::string_view expression, std::string_view subdir);

/// The single word inside `sel(...)`: unix, linux, osx or win; kind refused for any other.
Result<bool> evaluate_section_selector(std::string_view word, std::string_view subdir);

}  // namespace hpcenv::conda
