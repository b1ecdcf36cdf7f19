#include "index/channel_index.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "base/compress.hpp"
#include "net/url.hpp"
#include "unit/index/bench.hpp"

namespace hpcenv::index {
namespace {

TEST_CASE("the closure over depends is read, in all subdirs, and nothing else") {
  Bench bench;
  bench.put("linux-64/repodata.json",
            repodata({record("a", R"("b >=1","c")"), record("b"), record("far", R"("a")")}));
  bench.put("noarch/repodata.json",
            repodata({record("c", R"("test::d[version='>=1']")"), record("d", R"("Odd-Case 1.*")"),
                      record("odd-case", R"("a","__glibc >=2.17")"), record("elsewhere")}));
  const auto index = bench.load({"a"});
  REQUIRE(index.has_value());
  Names names;
  for (const IndexedRecord& indexed : index->records) names.push_back(indexed.record.name);
  std::ranges::sort(names);
  CHECK(names == Names{"a", "b", "c", "d", "odd-case"});
  CHECK(index->all_names == Names{"a", "b", "c", "d", "elsewhere", "far", "odd-case"});
  CHECK(bench.reporter.warnings.empty());
  const auto a = std::ranges::find(index->records, "a",
                                   [](const IndexedRecord& found) { return found.record.name; });
  CHECK(a->record.depends == Names{"b >=1", "c"});
  CHECK(a->record.size == 12);
  CHECK(a->record.channel == bench.request.channels[0].base_url);
  CHECK(a->record.url == bench.request.channels[0].base_url + "/linux-64/a-1.0-0.conda");
  CHECK(a->channel == 0);
}

TEST_CASE("unknown roots give an empty index that knows all names") {
  Bench bench;
  bench.put("linux-64/repodata.json", repodata({record("a")}));
  const auto index = bench.load({"nothing"});
  REQUIRE(index.has_value());
  CHECK(index->records.empty());
  CHECK(index->all_names == Names{"a"});
}

TEST_CASE("a root with a star stands for all names that match") {
  Bench bench;
  bench.put("linux-64/repodata.json",
            repodata({record("lib-a", R"("x")"), record("lib-b"), record("b"), record("x")}));
  CHECK(bench.files({"lib-*"}) == Names{"lib-a-1.0-0.conda", "lib-b-1.0-0.conda", "x-1.0-0.conda"});
}

TEST_CASE("only the roots: globs, regexes, every channel and subdir, nothing behind them") {
  Bench bench;
  bench.put("linux-64/repodata.json",
            repodata({record("lib-a", R"("x")"), record("lib-b"), record("b"), record("x")}));
  bench.put("noarch/repodata.json", repodata({record("lib-c", R"("b")"), record("pure")}));
  bench.directory.write("second/noarch/repodata.json",
                        repodata({record("lib-a"), record("lib-d")}));
  bench.request.channels.push_back(
      {"second", net::file_url((bench.directory.path() / "second").string())});
  bench.request.reach = IndexRequest::Reach::roots_only;
  CHECK(bench.files({"lib-a"}) == Names{"lib-a-1.0-0.conda", "lib-a-1.0-0.conda"});
  CHECK(bench.files({"lib-*"}) == Names{"lib-a-1.0-0.conda", "lib-a-1.0-0.conda",
                                        "lib-b-1.0-0.conda", "lib-c-1.0-0.conda",
                                        "lib-d-1.0-0.conda"});
  CHECK(bench.files({"^(b|pure)$"}) == Names{"b-1.0-0.conda", "pure-1.0-0.conda"});
  CHECK(bench.files({"*"}).size() == 8);
  CHECK(bench.files({"nothing"}).empty());
  const auto refused = bench.load({"^(b$"});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().kind == ErrorKind::bad_spec);
}

TEST_CASE("what is newer than the cut is as if it were not there") {
  Bench bench;
  const auto dated = [](const std::string& file, const std::string& times) {
    return fmt::format(R"("{}":{{"name":"a","version":"1.0","build":"0","subdir":"noarch"{}}})",
                       file, times);
  };
  bench.put(
      "noarch/repodata.json",
      repodata(
          {dated("a-1.0-0.conda", R"(,"timestamp":2000000000000)"),
           dated("a-2.0-0.conda", R"(,"timestamp":1000000000)"),
           dated("a-3.0-0.conda", R"(,"timestamp":1500000000001)"), dated("a-4.0-0.conda", ""),
           dated("a-5.0-0.conda", R"(,"timestamp":1000000000,"indexed_timestamp":1600000000000)"),
           dated("a-6.0-0.conda", R"(,"timestamp":1600000000,"indexed_timestamp":1400000000000)")},
          {dated("a-1.0-0.tar.bz2", R"(,"timestamp":1500000000)")}));
  bench.request.exclude_newer = 1'500'000'000'000;
  // The twin stays where its .conda is too new.
  CHECK(bench.files({"a"}) ==
        Names{"a-1.0-0.tar.bz2", "a-2.0-0.conda", "a-4.0-0.conda", "a-6.0-0.conda"});
  CHECK(bench.reporter.warnings.empty());
  bench.request.exclude_newer.reset();
  CHECK(bench.files({"a"}).size() == 6);
}

TEST_CASE(
    "records that need what cannot be read, or have no version, are left out with one warning") {
  Bench bench;
  bench.put("linux-64/repodata.json",
            repodata({record("a", R"("b >>1")"), record("b"), record("c", R"("b","* >=1")"),
                      record("d", R"("b >=1,<2")"),
                      R"("e-1-0.conda":{"name":"e","version":"!!","build":"0"})"}));
  CHECK(bench.files({"a", "c", "d", "e"}) == Names{"b-1.0-0.conda", "d-1.0-0.conda"});
  REQUIRE(bench.reporter.warnings.size() == 1);
  INFO(bench.reporter.warnings[0]);
  CHECK(bench.reporter.warnings[0].starts_with("3 records of file://"));
  CHECK(bench.reporter.warnings[0].contains("a-1.0-0.conda"));
  CHECK(bench.reporter.warnings[0].contains("b >>1"));
}

TEST_CASE("zst is preferred to plain, and either is enough") {
  Bench bench;
  bench.put("linux-64/repodata.json.zst", base::zstd_compress(repodata({record("packed")}), 3));
  bench.put("linux-64/repodata.json", repodata({record("plain")}));
  CHECK(bench.files({"packed", "plain"}) == Names{"packed-1.0-0.conda"});
}

TEST_CASE("a .conda hides its .tar.bz2 twin, removed files are gone") {
  Bench bench;
  const std::string twin = R"("a-1.0-0.tar.bz2":{"name":"a","version":"1.0","build":"0"})";
  const std::string alone = R"("a-0.9-0.tar.bz2":{"name":"a","version":"0.9","build":"0"})";
  const std::string withdrawn = R"("a-2.0-0.tar.bz2":{"name":"a","version":"2.0","build":"0"})";
  bench.put("linux-64/repodata.json",
            repodata({record("a")}, {alone, twin, withdrawn}, R"("removed":["a-2.0-0.tar.bz2"])"));
  CHECK(bench.files({"a"}) == Names{"a-0.9-0.tar.bz2", "a-1.0-0.conda"});
}

TEST_CASE("base_url says where the archives are") {
  Bench bench;
  struct Case {
    std::string stated, url;
  };
  const std::string channel = bench.request.channels[0].base_url;
  const Case cases[] = {{"https://elsewhere.example/x/", "https://elsewhere.example/x"},
                        {"../files", channel + "/files"},
                        {"./", channel + "/linux-64"},
                        {"", channel + "/linux-64"}};
  for (const Case& wanted : cases) {
    bench.put("linux-64/repodata.json",
              repodata({record("a")}, {}, R"("removed":[])",
                       fmt::format(R"({{"base_url":"{}"}})", wanted.stated)));
    const auto index = bench.load({"a"});
    REQUIRE(index.has_value());
    REQUIRE(index->records.size() == 1);
    CHECK(index->records[0].record.url == wanted.url + "/a-1.0-0.conda");
    CHECK(index->records[0].record.channel == channel);
  }
  bench.put("linux-64/repodata.json",
            repodata({record("a")}, {}, R"("removed":[])", R"({"base_url":"gopher://x"})"));
  const auto refused = bench.load({"a"});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().kind == ErrorKind::refused);
  CHECK(refused.error().message.contains("gopher://x"));
}

TEST_CASE("one missing subdir is no matter, all of them are") {
  Bench bench;
  bench.put("noarch/repodata.json", repodata({record("a")}));
  CHECK(bench.files({"a"}) == Names{"a-1.0-0.conda"});
  bench.request.channels.push_back(
      {"typo", net::file_url((bench.directory.path() / "typo").string())});
  const auto index = bench.load({"a"});
  REQUIRE_FALSE(index.has_value());
  CHECK(index.error().kind == ErrorKind::not_found);
  CHECK(index.error().message.contains("no such channel: " + bench.request.channels[1].base_url));
  CHECK(index.error().message.contains("linux-64 or noarch"));
  CHECK_FALSE(index.error().hints.empty());
}

TEST_CASE("a local channel that changed is read again") {
  Bench bench;
  bench.put("linux-64/repodata.json", repodata({record("a")}));
  CHECK(bench.files({"a", "b"}) == Names{"a-1.0-0.conda"});
  CHECK(bench.files({"a", "b"}) == Names{"a-1.0-0.conda"});
  bench.put("linux-64/repodata.json", repodata({record("a"), record("b")}));
  CHECK(bench.files({"a", "b"}) == Names{"a-1.0-0.conda", "b-1.0-0.conda"});
}

TEST_CASE("channels keep their order and their number") {
  Bench bench;
  bench.put("linux-64/repodata.json", repodata({record("a")}));
  bench.directory.write("second/linux-64/repodata.json", repodata({record("a"), record("b")}));
  bench.request.channels.push_back(
      {"second", net::file_url((bench.directory.path() / "second").string())});
  const auto index = bench.load({"a", "b"});
  REQUIRE(index.has_value());
  REQUIRE(index->records.size() == 3);
  CHECK(index->records[0].channel == 0);
  CHECK(index->records[1].channel == 1);
  CHECK(index->records[2].channel == 1);
}

TEST_CASE("records that cannot be read are left out with one warning") {
  Bench bench;
  const Names odd = {
      R"("no-name-1-0.conda":{"version":"1.0","build":"0"})",
      R"("name-1-0.conda":{"name":7,"version":"1.0","build":"0"})",
      R"("depends-1-0.conda":{"name":"good","version":"1.0","build":"0","depends":"x"})",
      R"("depend-1-0.conda":{"name":"good","version":"1.0","build":"0","depends":[1]})",
      R"("list-1-0.conda":[])",
      R"("null-1-0.conda":null)",
  };
  Names entries = odd;
  entries.push_back(record("good"));
  bench.put("linux-64/repodata.json", repodata(entries));
  CHECK(bench.files({"good"}) == Names{"good-1.0-0.conda"});
  REQUIRE(bench.reporter.warnings.size() == 1);
  CHECK(bench.reporter.warnings[0].starts_with("6 records of file://"));
  CHECK(bench.reporter.warnings[0].contains("no-name-1-0.conda"));
}

TEST_CASE("a record of the closure with a bad field is left out with one warning") {
  Bench bench;
  bench.put("linux-64/repodata.json",
            repodata({record("good"), R"("a-1-0.conda":{"name":"good","build":"0"})",
                      R"("b-1-0.conda":{"name":"good","version":3,"build":"0"})",
                      R"("c-1-0.conda":{"name":"other","version":3,"build":"0"})"}));
  CHECK(bench.files({"good"}) == Names{"good-1.0-0.conda"});
  REQUIRE(bench.reporter.warnings.size() == 1);
  CHECK(bench.reporter.warnings[0].starts_with("2 records of file://"));
  CHECK(bench.reporter.warnings[0].contains("a-1-0.conda"));
}

TEST_CASE("damaged repodata is refused, the address said, and nothing left behind") {
  const std::string good = repodata({record("a")});
  struct Case {
    std::string text, words;
  };
  const Case cases[] = {
      {"", "is truncated"},
      {good.substr(0, good.size() - 1), "is truncated"},
      {good.substr(0, good.size() / 2), "is truncated"},
      {good + "x", "expected the end of the document"},
      {"[]", "expected an object"},
      {"<html>not found</html>", "expected an object"},
      {R"({"packages":[]})", "expected an object as packages"},
      {R"({"packages.conda":"x"})", "expected an object as packages.conda"},
      {R"({"packages":{"a":{}"b":{}}})", "expected an entry"},
      {R"({"packages":{"a" {}}})", "expected an entry"},
      {R"({"packages":{"a":{}},})", "expected a key"},
      {R"({"removed":[1]})", "expected a file name"},
      {R"({"info":{"a":}})", "expected a value"},
      {R"({"other":})", "expected a value"},
      {R"({"packages":{"a":)" + std::string(100, '[') + std::string(100, ']') + "}}",
       "expected an entry"},
  };
  for (const Case& wanted : cases) {
    Bench bench;
    bench.put("linux-64/repodata.json", wanted.text);
    const auto index = bench.load({"a"});
    INFO(wanted.text);
    REQUIRE_FALSE(index.has_value());
    INFO(index.error().message);
    CHECK(index.error().kind == ErrorKind::refused);
    CHECK(index.error().message.contains(wanted.words));
    CHECK(index.error().message.contains("linux-64/repodata.json"));
    CHECK(bench.cache_files().empty());
  }
}

TEST_CASE("damaged zst is refused") {
  const std::string packed = base::zstd_compress(repodata({record("a")}), 3);
  for (const std::string& text : {packed.substr(0, packed.size() - 3), std::string("garbage")}) {
    Bench bench;
    bench.put("linux-64/repodata.json.zst", text);
    const auto index = bench.load({"a"});
    REQUIRE_FALSE(index.has_value());
    CHECK(index.error().kind == ErrorKind::refused);
    CHECK(index.error().message.contains("zst"));
    CHECK(bench.cache_files().empty());
  }
}

TEST_CASE("any order of keys, unknown keys of any size, blanks and escapes") {
  Bench bench;
  const std::string unknown = R"("v3":{"conda":{"x":{"name":"a]}\"\\"}}},"n":-1.5e3,"b":true)";
  const std::string escaped = R"("esc-1-0.conda" : {"version":"1","build":"0",)"
                              "\n"
                              R"("depends":["b\u0020>=1"], "name":"esc","u":"\\\""})";
  bench.put("linux-64/repodata.json",
            fmt::format("\n{{ {},\"packages.conda\" : {{ {} ,\n{} }} , \"removed\" : [ ] ,{} }} \n",
                        unknown, escaped, record("b"), R"("info":{})"));
  CHECK(bench.files({"esc"}) == Names{"b-1.0-0.conda", "esc-1-0.conda"});
  CHECK(bench.reporter.warnings.empty());
}

}  // namespace
}  // namespace hpcenv::index
