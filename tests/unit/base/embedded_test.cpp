#include "base/embedded.hpp"

#include <array>
#include <catch2/catch_test_macros.hpp>

using namespace hpcenv::base;

TEST_CASE("embedded files are found by name, bytes after a NUL included") {
  static constexpr std::string_view bytes("a\0b", 3);
  const std::array rows{EmbeddedRow{"recipes/a.yml", bytes.data(), bytes.data() + bytes.size()},
                        EmbeddedRow{"recipes/b.yml", bytes.data(), bytes.data()}};
  const EmbeddedTable table{rows.data(), rows.size()};
  CHECK(embedded_file(table, "recipes/a.yml") == bytes);
  CHECK(embedded_file(table, "recipes/b.yml") == "");
  CHECK_FALSE(embedded_file(table, "a.yml").has_value());
  CHECK(embedded_names(table) == std::vector<std::string>{"recipes/a.yml", "recipes/b.yml"});
}
