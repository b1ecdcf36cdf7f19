#include "prefix/state.hpp"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>

#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::prefix;
using test::put_file;

namespace {

std::string record_text(const std::string& name) {
  return R"({"name": ")" + name + R"(", "version": "1", "build": "0", "build_number": 0})";
}

}  // namespace

TEST_CASE("state: the history makes a directory an environment") {
  const test::TemporaryDirectory prefix;
  CHECK_FALSE(is_environment(prefix.path()));
  const auto none = read_state(prefix.path());
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().kind == ErrorKind::not_found);
  CHECK(none.error().message == prefix.path().string() + " is no environment");
  put_file(prefix / "conda-meta/history", "");
  CHECK(is_environment(prefix.path()));
  CHECK(read_state(prefix.path()).value().packages.empty());
}

TEST_CASE("state: records by name; other files of conda-meta are none") {
  const test::TemporaryDirectory prefix;
  put_file(prefix / "conda-meta/history", "");
  put_file(prefix / "conda-meta/state", "{}");
  put_file(prefix / "conda-meta/pinned", "python 3.11.*");
  for (int i = 0; i < 40; ++i) {
    const std::string name = "p" + std::to_string(i);
    put_file(prefix / ("conda-meta/" + name + "-1-0.json"), record_text(name));
  }
  // Bytewise "ab-1" comes before "a-1" as a file name, but not as a name.
  put_file(prefix / "conda-meta/a-1-0.json", record_text("a"));
  put_file(prefix / "conda-meta/a-b-1-0.json", record_text("a-b"));
  const PrefixState state = read_state(prefix.path()).value();
  REQUIRE(state.packages.size() == 42);
  CHECK(state.packages[0].record.name == "a");
  CHECK(state.packages[1].record.name == "a-b");
  CHECK(state.packages[2].record.name == "p0");
}

TEST_CASE("state: without paths, records of ours are read in part and those of others whole") {
  const test::TemporaryDirectory prefix;
  put_file(prefix / "conda-meta/history", "");
  conda::PrefixRecord ours;
  ours.record.name = "a";
  ours.record.version = "1";
  ours.record.build = "0";
  ours.requested_specs = {"a =1"};
  ours.paths.resize(1000);
  // What follows the beginning does not count.
  put_file(prefix / "conda-meta/a-1-0.json", conda::prefix_record_text(ours) + "rubbish");
  put_file(prefix / "conda-meta/b-1-0.json", record_text("b"));
  CHECK_FALSE(read_state(prefix.path()).has_value());
  const PrefixState state = read_state(prefix.path(), Detail::without_paths).value();
  REQUIRE(state.packages.size() == 2);
  CHECK(state.packages[0].requested_specs == ours.requested_specs);
  CHECK(state.packages[0].paths.empty());
  CHECK(state.packages[1].record.name == "b");
  // A head longer than what is read at once.
  ours.requested_specs.assign(2000, "a =1");
  put_file(prefix / "conda-meta/a-1-0.json", conda::prefix_record_text(ours));
  CHECK(read_state(prefix.path(), Detail::without_paths)->packages[0].paths.size() == 1000);
}

TEST_CASE("state: a record that cannot be read is refused by its file's name") {
  const test::TemporaryDirectory prefix;
  put_file(prefix / "conda-meta/history", "");
  put_file(prefix / "conda-meta/bad-1-0.json", "{\"name\": \"bad\"");
  const auto state = read_state(prefix.path());
  REQUIRE_FALSE(state.has_value());
  CHECK(state.error().kind == ErrorKind::refused);
  CHECK(state.error().message.find((prefix / "conda-meta/bad-1-0.json").string()) !=
        std::string::npos);
}

TEST_CASE("state: variables of packages first, then the environment's own") {
  const test::TemporaryDirectory prefix;
  put_file(prefix / "conda-meta/history", "");
  CHECK(state_variables(prefix.path()).value().empty());
  put_file(prefix / "etc/conda/env_vars.d/b.json", R"({"B": "from b", "A": "from b"})");
  put_file(prefix / "etc/conda/env_vars.d/a.json", R"({"A": "from a", "C": "from a"})");
  put_file(prefix / "etc/conda/env_vars.d/readme.txt", "no json");
  put_file(prefix / "conda-meta/state",
           R"({"env_vars": {"C": "***unset***", "D": "own", "PATH": "/nowhere"}})");
  const auto variables = state_variables(prefix.path()).value();
  REQUIRE(variables.size() == 4);
  CHECK(variables[0].name == "A");
  CHECK(variables[0].value == "from b");
  CHECK(variables[1].name == "C");
  CHECK_FALSE(variables[1].value.has_value());
  CHECK(variables[2].name == "B");
  CHECK(variables[3].name == "D");
  CHECK(variables[3].value == "own");
}

TEST_CASE("state: variables that are no texts are refused by their file's name") {
  const test::TemporaryDirectory prefix;
  put_file(prefix / "conda-meta/state", R"({"env_vars": {"A": 1}})");
  const auto number = state_variables(prefix.path());
  REQUIRE_FALSE(number.has_value());
  CHECK(number.error().kind == ErrorKind::refused);
  CHECK(number.error().message ==
        (prefix / "conda-meta/state").string() + ": the value of A is no text");
  put_file(prefix / "conda-meta/state", R"({"env_vars": []})");
  CHECK(state_variables(prefix.path()).error().message ==
        (prefix / "conda-meta/state").string() + ": the variables are no object");
}
