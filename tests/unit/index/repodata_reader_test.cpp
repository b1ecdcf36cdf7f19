#include "index/repodata_reader.hpp"

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <random>

#include "unit/index/bench.hpp"

namespace hpcenv::index {
namespace {

/// Writes down all that happens.
class Journal final : public RepodataEvents {
 public:
  Result<> entry(const RepodataEntry& entry) override {
    text += fmt::format("{} {} {}", entry.section == Section::conda ? "conda" : "bz2",
                        entry.file_name, entry.name);
    for (const std::string_view needed : entry.needed) text += fmt::format(" <{}>", needed);
    text += fmt::format(" {}\n", entry.object.size());
    return {};
  }
  void unreadable(std::string_view file_name, std::string_view reason) override {
    text += fmt::format("unreadable {} {}\n", file_name, reason);
  }
  void removed(std::string_view file_name) override {
    text += fmt::format("removed {}\n", file_name);
  }
  void base_url(std::string_view url) override { text += fmt::format("base_url {}\n", url); }
  std::string text;
};

Result<std::string> read_in_pieces(std::string_view text, std::size_t size) {
  Journal journal;
  RepodataReader reader("x", journal);
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, size);
    HPCENV_TRY(reader.push(std::as_bytes(std::span(piece))));
    text.remove_prefix(piece.size());
  }
  HPCENV_TRY(reader.finish());
  return journal.text;
}

const std::string sample = repodata(
    {record("a", R"("b >=1","ch::C[build=x]"," d")"), record("quo\\\"te"),
     R"("../up-1-0.conda":{"name":"up"})", R"("x.whl":{"name":"x"})", R"("/etc-1-0.conda":{})"},
    {R"("old-1-0.tar.bz2" : { "depends" : [ ] , "name" : "Old" })"},
    R"("removed":["gone-1-0.conda","gone-2-0.conda"],"v3":{"a":["}","\"",{"b":[]}]},"n":null)",
    R"({"subdir":"linux-64","base_url":"../pkgs"})");

TEST_CASE("what is found does not depend on how the bytes come") {
  const auto whole = read_in_pieces(sample, sample.size());
  REQUIRE(whole.has_value());
  CHECK(*whole ==
        "base_url ../pkgs\n"
        "bz2 old-1-0.tar.bz2 old 36\n"
        "conda a-1.0-0.conda a <b> <c> <d> 170\n"
        "unreadable quo\\\"te-1.0-0.conda this is no name of an archive\n"
        "unreadable ../up-1-0.conda this is no name of an archive\n"
        "unreadable x.whl this is no name of an archive\n"
        "unreadable /etc-1-0.conda this is no name of an archive\n"
        "removed gone-1-0.conda\nremoved gone-2-0.conda\n");
  for (const std::size_t size : {1U, 2U, 3U, 7U, 64U}) {
    const auto pieces = read_in_pieces(sample, size);
    REQUIRE(pieces.has_value());
    CHECK(*pieces == *whole);
  }
}

TEST_CASE("a document cut anywhere is truncated") {
  for (std::size_t size = 0; size < sample.size(); ++size) {
    const auto result = read_in_pieces(sample.substr(0, size), 50);
    REQUIRE_FALSE(result.has_value());
    REQUIRE(result.error().message.contains("is truncated"));
  }
}

TEST_CASE("damaged bytes never do more than make a document refused") {
  std::mt19937 random(11);
  std::size_t refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text = sample;
    for (int changes = 0; changes < 2; ++changes) {
      text[random() % text.size()] = static_cast<char>(random());
    }
    const auto result = read_in_pieces(text, 1 + random() % 100);
    if (result.has_value()) continue;
    ++refused;
    REQUIRE(result.error().kind == ErrorKind::refused);
  }
  CHECK(refused > 300);
}

TEST_CASE("an entry without end is not kept in memory for ever") {
  Journal journal;
  RepodataReader reader("x", journal);
  const std::string begin = R"({"packages":{"a.conda":{"x":")";
  REQUIRE(reader.push(std::as_bytes(std::span(begin))));
  const std::string more(1U << 20U, 'x');
  Result<> pushed;
  for (int i = 0; i < 40 && pushed.has_value(); ++i) {
    pushed = reader.push(std::as_bytes(std::span(more)));
  }
  REQUIRE_FALSE(pushed.has_value());
  CHECK(pushed.error().message.contains("at most 16 MiB"));
}

TEST_CASE("an unknown value of any size is passed over in constant memory and linear time") {
  Journal journal;
  RepodataReader reader("x", journal);
  const std::string begin = R"({"signatures":{"a":[")";
  REQUIRE(reader.push(std::as_bytes(std::span(begin))));
  const std::string more(1U << 20U, '{');
  for (int i = 0; i < 20; ++i) REQUIRE(reader.push(std::as_bytes(std::span(more))));
  const std::string end = "\"]}}";
  REQUIRE(reader.push(std::as_bytes(std::span(end))));
  CHECK(reader.finish().has_value());
}

TEST_CASE("names at the beginning of specs") {
  std::deque<std::string> storage;
  CHECK(name_of_spec("python", storage) == "python");
  CHECK(name_of_spec("python >=3.8,<4", storage) == "python");
  CHECK(name_of_spec("python>=3.8", storage) == "python");
  CHECK(name_of_spec("python=3.8=x", storage) == "python");
  CHECK(name_of_spec(" Python ~=3", storage) == "python");
  CHECK(name_of_spec("conda-forge/linux-64::python[build='x::y']", storage) == "python");
  CHECK(name_of_spec("python[channel='a::b']", storage) == "python");
  CHECK(name_of_spec("pkg x::y", storage) == "pkg");
  CHECK(name_of_spec("", storage).empty());
}

}  // namespace
}  // namespace hpcenv::index
