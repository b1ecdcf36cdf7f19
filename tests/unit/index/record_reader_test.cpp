#include "index/record_reader.hpp"

#include <catch2/catch_test_macros.hpp>
#include <map>

#include "base/compress.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "index/repodata_reader.hpp"

namespace hpcenv::index {
namespace {

/// Both ways must agree where both give a record; the quick one may refuse more.
bool same_both_ways(const std::string& object) {
  const std::string file = "a-1-0.conda";
  const auto quick = read_record(object, file, "http://x/c", "http://x/c/linux-64");
  const auto json = base::parse_json(object, file);
  if (!json.has_value()) return !quick.has_value();
  const auto slow = conda::record_from_json(*json, file, "http://x/c", "http://x/c/linux-64");
  if (!slow.has_value() || !quick.has_value()) return !quick.has_value();
  return conda::record_to_json(*slow) == conda::record_to_json(*quick) &&
         slow->noarch == quick->noarch && slow->url == quick->url &&
         slow->channel == quick->channel && slow->timestamp == quick->timestamp;
}

TEST_CASE("every field, in usual and unusual shapes, as the full reader has it") {
  const std::map<std::string, std::vector<std::string>> shapes = {
      {"name", {R"("b")", R"("B\u0062")", "7", "null", R"("")", R"(["b"])"}},
      {"version", {R"("1!2.0")", R"("")", "2", R"("é")"}},
      {"build", {R"("h1_0")", R"("\"")", "{}"}},
      {"build_number", {"12", "-1", "1e3", "1.0", R"("3")", "99999999999999999999", "007", "null"}},
      {"subdir", {R"("noarch")", R"("")", "null", "5"}},
      {"noarch", {R"("python")", R"("generic")", R"("odd")", "true", "false", "null", "3"}},
      {"depends", {"[]", R"(["x >=1","y"])", R"(["\u0078"])", "null", R"(["x" , "y" ])"}},
      {"constrains", {"[]", R"(["x >=1"])", R"("x")"}},
      {"track_features", {R"("")", R"("a b")", R"("a,b")", R"(["a","b"])", "null"}},
      {"features", {R"("")", R"("mkl")"}},
      {"license", {R"("BSD")", "null", R"("GPL\/2")", "[]"}},
      {"license_family", {R"("BSD")", "null"}},
      {"md5",
       {R"("0123456789abcdef0123456789abcdef")", R"("0123456789ABCDEF0123456789abcdef")", "null"}},
      {"sha256", {R"("00ff")", R"("")", "null", "1"}},
      {"size", {"0", "12", "-5", "1.5", R"("12")", "18446744073709551616"}},
      {"timestamp",
       {"0", "1500000000", "1500000000000", "253402300799", "253402300800", "-3", "1.5e12",
        R"("1")"}},
      {"python_site_packages_path", {R"("lib/python3.13t/site-packages")", "null"}},
      {"legacy_bz2_md5", {R"("x")", R"({"a":[1,2]})"}},
  };
  const std::map<std::string, std::string> plain = {
      {"name", R"("a")"}, {"version", R"("1")"}, {"build", R"("0")"}, {"subdir", R"("linux-64")"}};
  for (const auto& [key, values] : shapes) {
    for (const std::string& value : values) {
      auto fields = plain;
      fields[key] = value;
      std::string object;
      for (const auto& [name, text] : fields) {
        object += fmt::format("{}\"{}\": {}", object.empty() ? "{" : ",", name, text);
      }
      INFO(object);
      CHECK(same_both_ways(object + "}"));
    }
    auto fields = plain;
    fields.erase(key);
    std::string object = "{\"x\":0";
    for (const auto& [name, text] : fields) object += fmt::format(",\"{}\":{}", name, text);
    INFO(object);
    CHECK(same_both_ways(object + "}"));
  }
  CHECK(same_both_ways(R"({"name":"a","name":"b","version":"1","build":"0","subdir":"noarch"})"));
  CHECK(same_both_ways(R"(["name"])"));
}

TEST_CASE("a field that decides what is installed has the right type, or the record is refused") {
  const std::string sha256(64, 'a');
  const std::map<std::string, std::vector<std::string>> bad = {
      {"name",
       {"7", "null", "[]", R"("")", R"("a/b")", R"("..")", R"(".a")", R"("a b")", R"("a\nb")"}},
      {"version", {"1", "1.0", "null", R"("")", R"("../1")"}},
      {"build", {"0", "null", R"("")", R"("a/b")", R"("a\u0000b")"}},
      {"build_number", {R"("3")", "-1", "1.5", "[]", "true", "99999999999999999999999"}},
      {"subdir", {"5", "[]"}},
      {"depends", {R"("x")", "{}", "[1]", "[null]", R"([["x"]])"}},
      {"constrains", {R"("x")", "[1]", "3"}},
      {"track_features", {"1", "[1]", "{}"}},
      {"md5", {"1", R"("00ff")", R"("zz23456789abcdef0123456789abcdef")"}},
      {"sha256", {"1", "[]", R"("00ff")", R"("x)" + sha256.substr(1) + R"(")"}},
      {"size", {R"("12")", "-5", "1.5", "[]", "99999999999999999999999"}},
      {"python_site_packages_path", {"1", "[]"}},
  };
  const std::map<std::string, std::string> plain = {
      {"name", R"("a")"}, {"version", R"("1")"}, {"build", R"("0")"}, {"subdir", R"("linux-64")"}};
  for (const auto& [key, values] : bad) {
    for (const std::string& value : values) {
      auto fields = plain;
      fields[key] = value;
      std::string object;
      for (const auto& [name, text] : fields) {
        object += fmt::format("{}\"{}\": {}", object.empty() ? "{" : ",", name, text);
      }
      INFO(object);
      const auto record =
          read_record(object + "}", "a-1-0.conda", "http://x/c", "http://x/c/noarch");
      REQUIRE_FALSE(record.has_value());
      INFO(record.error().message);
      CHECK(record.error().kind == ErrorKind::refused);
      CHECK(record.error().message.starts_with("a-1-0.conda: "));
      CHECK(record.error().message.contains(key));
    }
  }
}

TEST_CASE("when a channel first offered a record") {
  CHECK(indexed_timestamp(R"({"name":"a","indexed_timestamp":1700000000000})") ==
        1'700'000'000'000);
  CHECK(indexed_timestamp(R"({"indexed_timestamp":1700000000})") == 1'700'000'000'000);
  for (const char* nothing :
       {R"({"timestamp":1700000000})", R"({"indexed_timestamp":"x"})", R"({"indexed_timestamp":0})",
        R"({"x":{"indexed_timestamp":1}})", R"({"indexed_timestamp":-4})"}) {
    CHECK(indexed_timestamp(nothing) == std::nullopt);
  }
}

/// Counts the records of a file, and those that the two ways read differently.
class Comparison final : public RepodataEvents {
 public:
  Result<> entry(const RepodataEntry& entry) override {
    ++count;
    if (!same_both_ways(std::string(entry.object))) differing += std::string(entry.file_name) + " ";
    return {};
  }
  void unreadable(std::string_view file_name, std::string_view) override { skipped += file_name; }
  void removed(std::string_view) override {}
  void base_url(std::string_view) override {}
  std::size_t count = 0;
  std::string differing;
  std::string skipped;
};

TEST_CASE("real records read the same both ways") {
  const std::filesystem::path file =
      HPCENV_SOURCE_DIR "/../shared/corpus/bioconda/linux-64/repodata.json.zst";
  const auto packed = base::read_file(file);
  if (!packed.has_value()) SKIP("there is no ../shared/corpus");
  const auto text = base::zstd_decompress(*packed, 1U << 30U);
  REQUIRE(text.has_value());
  Comparison comparison;
  RepodataReader reader("corpus", comparison);
  REQUIRE(reader.push(std::as_bytes(std::span(*text))));
  REQUIRE(reader.finish());
  CHECK(comparison.count == 441);
  CHECK(comparison.differing.empty());
  CHECK(comparison.skipped.empty());
}

}  // namespace
}  // namespace hpcenv::index
