#include "cli/wrap.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace hpcenv::cli {

std::size_t cells_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char letter) { return (static_cast<unsigned char>(letter) & 0xc0) != 0x80; }));
}

std::vector<std::string> wrapped(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines(1);
  for (const std::string_view word : base::split_words(text)) {
    std::string& line = lines.back();
    if (line.empty()) {
      line = word;
    } else if (cells_of(line) + 1 + cells_of(word) <= columns) {
      line.append(1, ' ').append(word);
    } else {
      lines.emplace_back(word);
    }
  }
  return lines;
}

std::string hanging(std::string_view first, std::string_view text, std::size_t columns) {
  constexpr std::size_t narrowest = 20;
  const std::size_t indent = cells_of(first);
  const std::size_t room = std::max(columns, indent + narrowest) - indent;
  std::string whole(first);
  bool is_first = true;
  for (const std::string& line : wrapped(text, room)) {
    if (!is_first) whole.append(indent, ' ');
    is_first = false;
    whole.append(line).append(1, '\n');
  }
  return whole;
}

}  // namespace hpcenv::cli
