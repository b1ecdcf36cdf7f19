#include "index/record_reader.hpp"

#include <catch2/catch_test_macros.hpp>
#include <map>

#include "base/compress.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "index/repodata_reader.hpp"

namespace hpcenv::index {
namespace {

/// Both ways must agree: on the record, or that there is none.
bool same_both_ways(const std::string& object) {
  const std::string file = "a-1-0.conda";
  const auto quick = read_record(object, file, "http://x/c", "http://x/c/linux-64");
  const auto json = base::parse_json(object, file);
  if (!json.has_value()) return !quick.has_value();
  const auto slow = conda::record_from_json(*json, file, "http://x/c", "http://x/c/linux-64");
  if (!slow.has_value() || !quick.has_value()) return slow.has_value() == quick.has_value();
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
      {"md5", {R"("00ff")", R"("00FF")", "null"}},
      {"sha256", {R"("00ff")", R"("00FF")", "1"}},
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
