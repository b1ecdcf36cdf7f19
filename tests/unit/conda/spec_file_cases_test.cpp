// The examples of CEP 23 and CEP 24 (tests/data).
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "conda/environment_file.hpp"
#include "conda/explicit_file.hpp"

namespace hpcenv::conda {
namespace {

struct FileCase {
  std::string title;
  std::string text;
  std::string facts;  ///< one a line
};

std::vector<FileCase> read_cases(const std::string& name) {
  const auto text = base::read_file(std::filesystem::path(HPCENV_SOURCE_DIR) / "tests/data" / name);
  REQUIRE(text.has_value());
  std::vector<FileCase> cases;
  bool gives = false;
  for (const std::string_view line : base::split_lines(*text)) {
    constexpr std::string_view start = "@@ CASE ";
    if (line.starts_with(start)) {
      cases.push_back({std::string(line.substr(start.size())), "", ""});
      gives = false;
    } else if (line == "@@ GIVES") {
      gives = true;
    } else if (!cases.empty() && gives && !line.empty()) {
      cases.back().facts += std::string(line) + "\n";
    } else if (!cases.empty() && !gives) {
      cases.back().text += std::string(line) + "\n";
    }
  }
  return cases;
}

const base::Environment variables({{"HOME", "/home/u"},
                                   {"DATA", "/data"},
                                   {"SCRATCH", "/scratch/u"}});

void add_all(std::string& facts, std::string_view word, const std::vector<std::string>& values) {
  for (const std::string& value : values) facts += fmt::format("{} {}\n", word, value);
}

std::string facts_of(const Result<SpecFile>& file) {
  if (!file.has_value()) return "refused " + file.error().message + "\n";
  std::string facts = file->is_explicit ? "explicit\n" : "";
  if (!file->platform.empty()) facts += "platform " + file->platform + "\n";
  for (const ExplicitPackage& package : file->packages) {
    facts += "package " + package.url;
    if (!package.md5.empty()) facts += " md5 " + package.md5;
    if (!package.sha256.empty()) facts += " sha256 " + package.sha256;
    facts += '\n';
    CHECK(package.url.ends_with("/" + base::replace_all(package.file_name, " ", "%20")));
    CHECK(package.line > 0);
  }
  add_all(facts, "spec", file->specs);
  add_all(facts, "warning", file->warnings);
  return facts;
}

std::string facts_of(const Result<EnvironmentFile>& file,
                     const std::vector<std::string>& warnings) {
  if (!file.has_value()) return "refused " + file.error().message + "\n";
  std::string facts;
  if (!file->name.empty()) facts += "name " + file->name + "\n";
  if (!file->prefix.empty()) facts += "prefix " + file->prefix + "\n";
  add_all(facts, "channel", file->channels);
  if (file->no_defaults) facts += "nodefaults\n";
  add_all(facts, "dependency", file->dependencies);
  add_all(facts, "pip", file->pip);
  for (const auto& [name, value] : file->variables) {
    facts += fmt::format("variable {}={}\n", name, value);
  }
  add_all(facts, "platform", file->platforms);
  if (!file->category.empty()) facts += "category " + file->category + "\n";
  add_all(facts, "warning", warnings);
  return facts;
}

void check(const FileCase& expected, const std::string& facts) {
  INFO(expected.title);
  if (expected.facts.starts_with("refused ")) {
    CHECK(facts.starts_with("refused "));
    const std::string words(base::trim(expected.facts.substr(8)));
    INFO(facts);
    CHECK(facts.contains(words));
  } else {
    CHECK(facts == expected.facts);
  }
}

TEST_CASE("text files of specs, CEP 23") {
  const auto cases = read_cases("cep23_spec_files.txt");
  CHECK(cases.size() > 15);
  for (const FileCase& expected : cases) {
    check(expected, facts_of(parse_spec_file(expected.text, "file.txt", {variables, "/here"})));
  }
}

TEST_CASE("environment.yml, CEP 24") {
  const auto cases = read_cases("cep24_environment_files.txt");
  CHECK(cases.size() > 40);
  for (const FileCase& expected : cases) {
    EnvironmentFileReading reading{"linux-64", variables};
    if (expected.title.starts_with("for ")) {
      reading.subdir = expected.title.substr(4, expected.title.find(':') - 4);
    }
    std::vector<std::string> warnings;
    const auto file = parse_environment_file(expected.text, "env.yml", reading, warnings);
    check(expected, facts_of(file, warnings));
  }
}

TEST_CASE("files from other systems: carriage returns and a byte order mark") {
  const auto file =
      parse_spec_file("\xef\xbb\xbf@EXPLICIT\r\nhttps://h/c/noarch/a-1-0.conda\r\n", "f", {});
  REQUIRE(file.has_value());
  CHECK(file->is_explicit);
  CHECK(file->packages.at(0).url == "https://h/c/noarch/a-1-0.conda");
  std::vector<std::string> warnings;
  const auto environment =
      parse_environment_file("name: x\r\ndependencies:\r\n  - numpy\r\n", "f", warnings);
  REQUIRE(environment.has_value());
  CHECK(environment->name == "x");
  CHECK(environment->dependencies.at(0) == "numpy");
}

TEST_CASE("what kind of failure a bad line is") {
  CHECK(parse_spec_file("numpy >>1\n", "f", {}).error().kind == ErrorKind::bad_spec);
  CHECK(parse_spec_file("@EXPLICIT\nnumpy\n", "f", {}).error().kind == ErrorKind::refused);
  CHECK(is_explicit_file("a\n @EXPLICIT\n"));
  CHECK_FALSE(is_explicit_file("# @EXPLICIT\n"));
}

}  // namespace
}  // namespace hpcenv::conda
