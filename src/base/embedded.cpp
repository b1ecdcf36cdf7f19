#include "base/embedded.hpp"

#include <span>

namespace hpcenv::base {

std::optional<std::string_view> embedded_file(const EmbeddedTable& table, std::string_view name) {
  for (const EmbeddedRow& row : std::span(table.rows, table.count)) {
    if (name == row.name) return std::string_view(row.begin, row.end);
  }
  return std::nullopt;
}

std::vector<std::string> embedded_names(const EmbeddedTable& table) {
  std::vector<std::string> names;
  names.reserve(table.count);
  for (const EmbeddedRow& row : std::span(table.rows, table.count)) names.emplace_back(row.name);
  return names;
}

}  // namespace hpcenv::base
