// The lines of hpcenv in a user's start-up file, between two marks. Pure: texts in, texts out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "shell/shell_change.hpp"

namespace hpcenv::shell {

inline constexpr std::string_view block_begin = "# >>> hpcenv init >>>";
inline constexpr std::string_view block_end = "# <<< hpcenv init <<<";

/// What a start-up file is to hold between the marks: `program` makes itself known to the shell,
/// where it still is there. `shell` is the word that `hpcenv init` was given.
std::vector<std::string> init_lines(std::string_view program, Dialect dialect,
                                    std::string_view shell);

struct BlockEdit {
  enum class Change { none, added, replaced, removed };
  Change change = Change::none;
  std::optional<std::string> text;   ///< the file afterwards; nothing: there is to be none
  std::size_t line = 0;              ///< of the first mark, from 1
  std::vector<std::string> removed;  ///< without line ends
  std::vector<std::string> added;
};

/// At the end of the file, or in place of the block that is there. `before` is the file, nothing
/// where there is none; the rest of it stays byte by byte. Refused, naming file and line, where the
/// marks do not make one block.
Result<BlockEdit> with_block(const std::optional<std::string>& before,
                             const std::vector<std::string>& lines, std::string_view file);
/// The file as it was before the block came in.
Result<BlockEdit> without_block(const std::optional<std::string>& before, std::string_view file);

/// As a unified diff without context.
std::string diff_of(const BlockEdit& edit, std::string_view file);

}  // namespace hpcenv::shell
