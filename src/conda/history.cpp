#include "conda/history.hpp"

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/text.hpp"

namespace hpcenv::conda {

namespace {

/// One line, whatever stands in it.
std::string single_line(std::string text) {
  return base::replace_all(base::replace_all(std::move(text), "\n", "\\n"), "\r", "\\r");
}

/// As Python would write the text: conda reads the list of specs as a Python literal.
std::string python_literal(std::string text) {
  text = base::replace_all(std::move(text), "\\", "\\\\");
  text = base::replace_all(std::move(text), "'", "\\'");
  return "'" + single_line(std::move(text)) + "'";
}

}  // namespace

std::string history_text(const HistoryBlock& block) {
  std::string text = fmt::format("==> {} <==\n", base::utc_text(block.time));
  text += fmt::format("# cmd: {}\n# tool version: {}\n", single_line(block.command),
                      single_line(block.tool));
  for (const std::string& package : block.unlinked)
    text += fmt::format("-{}\n", single_line(package));
  for (const std::string& package : block.linked)
    text += fmt::format("+{}\n", single_line(package));
  if (!block.update_specs.empty()) {
    std::vector<std::string> literals;
    literals.reserve(block.update_specs.size());
    for (const std::string& spec : block.update_specs) literals.push_back(python_literal(spec));
    text += fmt::format("# update specs: [{}]\n", base::join(literals, ", "));
  }
  return text;
}

}  // namespace hpcenv::conda
