#include "base/embedded.hpp"

#include <array>
#include <catch2/catch_test_macros.hpp>

using namespace hpcenv::base;

TEST_CASE("embedded files are found by name, bytes after a NUL included") {
  static constexpr std::array letters{'a', '\0', 'b'};
  const std::string_view bytes(letters.begin(), letters.end());
  const std::array rows{
      EmbeddedRow{"recipes/a.yml", letters.data(), letters.data() + letters.size()},
      EmbeddedRow{"recipes/b.yml", letters.data(), letters.data()}};
  const EmbeddedTable table{rows.data(), rows.size()};
  CHECK(embedded_file(table, "recipes/a.yml") == bytes);
  CHECK(embedded_file(table, "recipes/b.yml") == "");
  CHECK_FALSE(embedded_file(table, "a.yml").has_value());
  CHECK(embedded_names(table) == std::vector<std::string>{"recipes/a.yml", "recipes/b.yml"});
}
