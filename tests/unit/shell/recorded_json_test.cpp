#include "shell/recorded_json.hpp"

#include <catch2/catch_test_macros.hpp>

#include "base/json.hpp"

namespace hpcenv::shell {

TEST_CASE("what is recorded comes back from JSON as it was") {
  using Kind = Outcome::Kind;
  const Outcome literal{Kind::set, {{Piece::Kind::text, "it's \xff $x\n"}}};
  const Outcome mixed{Kind::set, {{Piece::Kind::incoming, "CC"}, {Piece::Kind::text, " -O2"}}};
  const Recorded recorded{{{"A", "A", literal, {}, {Kind::unset, {}}, {"a.sh"}},
                           {"B", "CC", mixed, mixed, {Kind::set, {}}, {"a.sh", "b.sh"}}},
                          {{"CXX", Incoming::unset}, {"HOME", Incoming::set}},
                          {"/p/a.sh", "/p/b.sh"}};
  const auto text = base::dump_json(recorded_to_json(recorded));
  const auto read = recorded_from_json(*base::parse_json(text, "test"));
  REQUIRE(read);
  CHECK(*read == recorded);
}

TEST_CASE("a record that is damaged is refused") {
  for (const char* text :
       {"[]", R"({"rules":[{}]})", R"({"rules":[{"name":"A","unset":"keep","empty":"keep"}]})",
        R"({"rules":[{"name":"A","unset":"keep","empty":"keep","set":7}]})",
        R"({"rules":[{"name":"A","unset":"keep","empty":"keep","set":[{}]}]})",
        R"({"guards":[{"name":"A","state":"odd"}]})"}) {
    const auto read = recorded_from_json(*base::parse_json(text, "test"));
    REQUIRE_FALSE(read);
    CHECK(read.error().kind == ErrorKind::refused);
  }
}

}  // namespace hpcenv::shell
