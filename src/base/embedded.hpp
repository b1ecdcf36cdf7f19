// Files compiled into the program (cmake/embed.cmake writes the tables).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hpcenv::base {

struct EmbeddedRow {
  const char* name;  ///< "recipes/python.yml"
  const char* begin;
  const char* end;
};

struct EmbeddedTable {
  const EmbeddedRow* rows;
  std::size_t count;
};

/// The bytes of a row, for the life of the program.
std::optional<std::string_view> embedded_file(const EmbeddedTable& table, std::string_view name);
std::vector<std::string> embedded_names(const EmbeddedTable& table);

}  // namespace hpcenv::base
