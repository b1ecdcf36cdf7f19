#include "cli/fact_sheet.hpp"

#include <algorithm>
#include <utility>

#include "cli/printable.hpp"
#include "cli/wrap.hpp"

namespace hpcenv::cli {

void FactSheet::add_known(std::string name, std::string text) {
  if (!text.empty()) add(std::move(name), std::move(text));
}

std::string FactSheet::text(std::size_t columns, const Output& output) const {
  std::size_t widest = 0;
  for (const Row& row : rows_) widest = std::max(widest, cells_of(row.name));
  std::string text = output.styled(Style::bold, printable(heading_)) + "\n";
  for (const Row& row : rows_) {
    std::string first = "  " + printable(row.name);
    if (widest > 0) first.append(widest + 4 - cells_of(first), ' ');
    text += hanging(first, printable(row.text), columns);
  }
  return text;
}

}  // namespace hpcenv::cli
