// Files that hold the path they will lie at: the placeholder of the build is replaced by the prefix
// (facts of CEP 34's `prefix_placeholder`). Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace hpcenv::prefix {

struct Relocation {
  std::string_view placeholder;  ///< not empty
  std::string_view prefix;
};

/// What became of a first line `#!` that names the placeholder.
enum class ShebangForm {
  plain,     ///< kept: the kernel reads it
  handover,  ///< /bin/sh starts the interpreter by its path; works without activation
  searched,  ///< /usr/bin/env looks the interpreter up in PATH
};

struct RelocatedText {
  std::string text;
  ShebangForm shebang = ShebangForm::plain;
};

/// Replaces the placeholder everywhere, as UTF-8 and as UTF-16 and UTF-32 of both byte orders. A
/// first line that the kernel would not read any more (longer than 127 bytes, or a blank in the
/// interpreter's path) is written in a form that does.
RelocatedText relocate_text(std::string_view text, const Relocation& relocation);

using PieceSink = std::function<Result<>(std::string_view)>;

/// Replaces in strings that end with NUL and pads after each, so that neither size nor any later
/// offset changes. A string that runs to the end without NUL stays as it is. The prefix is not
/// longer than the placeholder (`fits`). Pieces come in order and make up the whole file.
Result<> relocate_binary(std::string_view bytes, const Relocation& relocation,
                         const PieceSink& sink);

/// Whether a binary file can take the prefix.
inline bool fits(const Relocation& relocation) {
  return relocation.prefix.size() <= relocation.placeholder.size();
}

/// The first lines (without the last newline) that start `interpreter`, an absolute path, with
/// `arguments` (empty, or beginning with a blank).
struct Shebang {
  std::string text;
  ShebangForm form = ShebangForm::plain;
};
Shebang working_shebang(std::string_view interpreter, std::string_view arguments);

}  // namespace hpcenv::prefix
