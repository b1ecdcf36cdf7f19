#include "conda/match_spec.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <random>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "conda/text_pattern.hpp"
#include "unit/support/case_file.hpp"

namespace hpcenv::conda {
namespace {

using test::CaseLine;
using test::read_case_lines;
using test::read_case_lines_with_blanks;

MatchSpec parsed(std::string_view text) {
  INFO("spec " << text);
  auto spec = MatchSpec::parse(text);
  if (!spec.has_value()) FAIL(spec.error().message);
  return std::move(spec).value();
}

void set_field(PackageRecord& record, std::string_view key, std::string_view value) {
  if (key == "subdir") record.subdir = value;
  if (key == "md5") record.md5 = value;
  if (key == "sha256") record.sha256 = value;
  if (key == "license") record.license = value;
  if (key == "track_features") record.track_features = value;
  if (key == "fn") record.file_name = value;
  if (key == "url") record.url = value;
  if (key == "build_number") record.build_number = std::stoi(std::string(value));
}

PackageRecord record_of(std::string_view line) {
  const auto words = base::split_words(line);
  REQUIRE(words.size() >= 3);
  PackageRecord record;
  record.name = words[0];
  record.version = words[1];
  record.build = words[2];
  for (std::size_t i = 3; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    set_field(record, words[i].substr(0, equals), words[i].substr(equals + 1));
  }
  return record;
}

TEST_CASE("match specs mean what CEP 29 and the peers say") {
  std::vector<MatchSpec> specs;
  int checked = 0;
  for (const CaseLine& line : read_case_lines_with_blanks("cep29_match_specs.txt")) {
    const std::string_view text = line.text;
    if (text.starts_with("spec ")) {
      specs.push_back(parsed(text.substr(5)));
    } else if (text.starts_with("yes ") || text.starts_with("no ")) {
      REQUIRE_FALSE(specs.empty());
      const bool wanted = text.starts_with("yes ");
      const PackageRecord record = record_of(text.substr(text.find(' ')));
      for (const MatchSpec& spec : specs) {
        INFO(line.section << ": '" << spec.text << "' and '" << text << "'");
        CHECK(spec.matches(record) == wanted);
        ++checked;
      }
    } else if (text.empty()) {
      specs.clear();
    }
  }
  CHECK(checked > 300);
}

TEST_CASE("a spec that cannot be read is a bad spec that is quoted") {
  int count = 0;
  for (const CaseLine& line : read_case_lines("cep29_match_specs.txt")) {
    if (line.text != "bad" && !line.text.starts_with("bad ")) continue;
    ++count;
    const std::string text = line.text.size() > 4 ? line.text.substr(4) : "";
    INFO("spec " << text);
    const auto spec = MatchSpec::parse(text);
    REQUIRE_FALSE(spec.has_value());
    CHECK(spec.error().kind == ErrorKind::bad_spec);
    CHECK(spec.error().message.contains(text));
  }
  CHECK(count >= 25);
}

TEST_CASE("a message says what is wrong with a spec") {
  const auto message = [](std::string_view text) { return MatchSpec::parse(text).error().message; };
  CHECK(
      message("numpy >>1") ==
      "cannot read the spec 'numpy >>1': cannot read the version spec '>>1': '>>' is no operator");
  CHECK(message("num/py") == "cannot read the spec 'num/py': '/' cannot stand in a package name");
  CHECK(message("numpy[nonsense=1]") ==
        "cannot read the spec 'numpy[nonsense=1]': 'nonsense' is no key of a spec");
}

TEST_CASE("a spec keeps its channel and subdir") {
  CHECK(parsed("conda-forge::foo").channel == "conda-forge");
  CHECK(parsed("conda-forge/linux-64::foo").channel == "conda-forge");
  CHECK(parsed("conda-forge/linux-64::foo").subdir == "linux-64");
  CHECK(parsed("conda-forge/label/rc::foo").channel == "conda-forge/label/rc");
  CHECK(parsed("https://example.org:8080/a/noarch::foo 1").channel == "https://example.org:8080/a");
  CHECK(parsed("foo[channel=conda-forge/linux-64]").channel == "conda-forge");
  CHECK(parsed("foo[channel='https://example.org/a']").channel == "https://example.org/a");
  CHECK(parsed("*::foo").channel.empty());
}

TEST_CASE("a url gives name, version, build and hash") {
  const auto spec = parsed(
      "file:///c/noarch/a-b-1.0-py_0.tar.bz2"
      "#sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
  CHECK(spec.name.text() == "a-b");
  CHECK(spec.build.text() == "py_0");
  CHECK(spec.sha256 == "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
  CHECK(spec.md5.empty());
  CHECK(spec.url == "file:///c/noarch/a-b-1.0-py_0.tar.bz2");
  CHECK(parsed("a-b-1.0-py_0.conda").file_name == "a-b-1.0-py_0.conda");
}

TEST_CASE("many versions at once are matched as one by one") {
  std::vector<Version> versions;
  for (const CaseLine& line : read_case_lines("cep33_versions.txt")) {
    if (line.text.starts_with("! ")) continue;
    const std::size_t blank = line.text.starts_with("<") || line.text.starts_with("=")
                                  ? line.text.find(' ') + 1
                                  : std::size_t{0};
    versions.push_back(Version::parse(line.text.substr(blank)).value());
  }
  for (int i = 0; i < 80; ++i) versions.push_back(Version::parse(fmt::format("7.{}", i)).value());
  std::sort(versions.begin(), versions.end(), [](const auto& a, const auto& b) { return a > b; });
  versions.erase(std::unique(versions.begin(), versions.end()), versions.end());
  REQUIRE(versions.size() > 128);
  std::vector<std::string> texts = {
      "*",     "1.1",       "1.1.*",        "!=1.1",           "!=1.1.*", "~=1.1.0",
      "1.*.1", "^1[.]1.*$", ">=1,<2|7.3.*", "(>1|<0.5),!=7.*", "7.1*"};
  for (const std::string op : {">", ">=", "<", "<=", "==", "="}) {
    for (const std::string version : {"0.1", "1.1", "1.1.0rc1", "7.40", "2!9"}) {
      texts.push_back(op + version);
    }
  }
  for (const std::string& text : texts) {
    INFO(text);
    const auto spec = VersionSpec::parse(text);
    REQUIRE(spec.has_value());
    const auto bits = spec->matching(versions);
    REQUIRE(bits.size() == (versions.size() + 63) / 64);
    for (std::size_t i = 0; i < versions.size(); ++i) {
      CHECK(((bits[i / 64] >> (i % 64) & 1U) != 0) == spec->matches(versions[i]));
    }
    CHECK(spec->matching({}).empty());
  }
}

TEST_CASE("a record whose version cannot be read matches nothing") {
  PackageRecord record;
  record.name = "pkg";
  record.version = "1..2";
  CHECK_FALSE(parsed("pkg").matches(record));
}

TEST_CASE("a regex that would take for ever ends at once") {
  const auto spec = parsed("pkg[build='^(a+)+b$']");
  PackageRecord record;
  record.name = "pkg";
  record.version = "1";
  record.build = std::string(64, 'a');
  CHECK_FALSE(spec.matches(record));
}

TEST_CASE("numbers in a regex that nobody means are refused") {
  for (const char* pattern :
       {R"(^a\44444444444444444444$)", "^a{99999999999999999999}$", "^a{0,99999999999999999999}$",
        "^a{99999999999999999999,1}$", "^a{999,1}$", "^(a{99}){99}$", "^a{300,}$"}) {
    INFO(pattern);
    const auto parsed = TextPattern::parse(pattern);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().kind == ErrorKind::bad_spec);
  }
  for (const char* pattern : {"^a{2,4}$", "^py39h1234567890_0$", R"(^\d+_0$)"}) {
    INFO(pattern);
    CHECK(TextPattern::parse(pattern).has_value());
  }
}

TEST_CASE("random text is read or refused, and what is read can be matched") {
  constexpr std::string_view alphabet = "abz019.,|=!<>~*^$()[]'\"_-+ :/#@\\{}";
  std::mt19937 random(29);
  PackageRecord record = record_of("a 1.0 b0 subdir=linux-64");
  int readable = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = round % 2 == 0 ? "" : "ab";
    const std::size_t length = random() % 24;
    for (std::size_t i = 0; i < length; ++i) text += alphabet[random() % alphabet.size()];
    const auto spec = MatchSpec::parse(text);
    if (!spec.has_value()) {
      CHECK(spec.error().kind == ErrorKind::bad_spec);
      continue;
    }
    ++readable;
    static_cast<void>(spec->matches(record));
  }
  CHECK(readable > 100);
}

}  // namespace
}  // namespace hpcenv::conda
