#include "conda/version.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "unit/support/case_file.hpp"

namespace hpcenv::conda {
namespace {

using test::CaseLine;
using test::read_case_lines;

struct Ranked {
  std::string section;
  Version version;
  int rank;
};

Version parsed(std::string_view text) {
  INFO("version " << text);
  auto version = Version::parse(text);
  REQUIRE(version.has_value());
  return std::move(version).value();
}

std::vector<std::vector<Ranked>> read_chains() {
  std::vector<std::vector<Ranked>> chains;
  for (const CaseLine& line : read_case_lines("cep33_versions.txt")) {
    if (line.text.starts_with("! ")) continue;
    if (line.text.starts_with("< ") || line.text.starts_with("== ")) {
      auto& chain = chains.back();
      const bool higher = line.text.starts_with("<");
      const auto text = base::trim(std::string_view(line.text).substr(2));
      chain.push_back({line.section, parsed(text), chain.back().rank + (higher ? 1 : 0)});
    } else {
      chains.push_back({{line.section, parsed(line.text), 0}});
    }
  }
  return chains;
}

TEST_CASE("versions are ordered as CEP 33 says, every pair of a chain") {
  const auto chains = read_chains();
  REQUIRE(chains.size() >= 8);
  for (const auto& chain : chains) {
    for (const Ranked& a : chain) {
      for (const Ranked& b : chain) {
        INFO(a.section << ": " << a.version.text() << " and " << b.version.text());
        CHECK(((a.version <=> b.version) == (a.rank <=> b.rank)));
        CHECK((a.version == b.version) == (a.rank == b.rank));
      }
    }
  }
}

TEST_CASE("a version that cannot be read is a bad spec that names it") {
  int count = 0;
  for (const CaseLine& line : read_case_lines("cep33_versions.txt")) {
    if (!line.text.starts_with("! ")) continue;
    ++count;
    const std::string text = line.text.substr(2);
    INFO(text);
    const auto version = Version::parse(text);
    REQUIRE_FALSE(version.has_value());
    CHECK(version.error().kind == ErrorKind::bad_spec);
    CHECK(version.error().message.contains(text.substr(0, 8)));
  }
  CHECK(count >= 15);
  CHECK_FALSE(Version::parse("").has_value());
  CHECK_FALSE(Version::parse(std::string(5000, '1')).has_value());
}

TEST_CASE("a version starts with another segment by segment") {
  const auto starts = [](std::string_view all, std::string_view prefix) {
    return parsed(all).starts_with(parsed(prefix));
  };
  CHECK(starts("1.2.3", "1.2"));
  CHECK(starts("1.2", "1.2"));
  CHECK(starts("1.2", "1.2.0"));
  CHECK(starts("1.2rc1", "1.2"));
  CHECK(starts("1.0.1a", "1.0.1"));
  CHECK(starts("1.2+local", "1.2"));
  CHECK(starts("1.2+local.3", "1.2+local"));
  CHECK_FALSE(starts("1.20", "1.2"));
  CHECK_FALSE(starts("1.2", "1.2.1"));
  CHECK_FALSE(starts("1!1.2.3", "1.2"));
  CHECK_FALSE(starts("1.2.3+local", "1.2+local"));
}

TEST_CASE("~= accepts what is at least as new and equal up to the last segment but one") {
  const auto compatible = [](std::string_view version, std::string_view base) {
    return parsed(version).compatible_with(parsed(base));
  };
  CHECK(compatible("0.5.3", "0.5.3"));
  CHECK(compatible("0.5.9", "0.5.3"));
  CHECK_FALSE(compatible("0.5.2", "0.5.3"));
  CHECK_FALSE(compatible("0.6", "0.5.3"));
}

TEST_CASE("the text of a version is kept as written") {
  CHECK(parsed("1.0RC1").text() == "1.0RC1");
  CHECK(parsed(" 1.0 ").text() == "1.0");
}

}  // namespace
}  // namespace hpcenv::conda
