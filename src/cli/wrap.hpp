// Lines of text that are broken at blanks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hpcenv::cli {

/// Cells that UTF-8 text takes on a terminal, each character one.
std::size_t cells_of(std::string_view text);

/// The words of `text` in lines of at most `columns` cells; a longer word has a line of its own.
/// Never empty.
std::vector<std::string> wrapped(std::string_view text, std::size_t columns);

/// `first`, then the text, its other lines below its beginning; each line ends.
std::string hanging(std::string_view first, std::string_view text, std::size_t columns);

}  // namespace hpcenv::cli
