#include "index/index_file.hpp"

#include <catch2/catch_test_macros.hpp>
#include <random>

#include "base/compress.hpp"
#include "index/closure.hpp"
#include "index/index_builder.hpp"
#include "unit/index/bench.hpp"

namespace hpcenv::index {
namespace {

/// An index file of `text`, which stands for itself in messages.
Result<IndexReader> built(const std::filesystem::path& path, std::string_view text) {
  HPCENV_ASSIGN(auto builder, IndexBuilder::create(path, "x", Packing::none));
  HPCENV_TRY(builder->push(std::as_bytes(std::span(text))));
  HPCENV_ASSIGN(const BuiltIndex done, builder->finish());
  HPCENV_ASSIGN(IndexReader reader, IndexReader::open(path));
  if (reader.checksum() != done.checksum) return fail(ErrorKind::bug, "other checksum");
  return reader;
}

/// All text that the runs of a name stand for.
std::string text_of(const IndexReader& reader, std::string_view name) {
  const auto id = reader.find(name);
  std::string text;
  if (!id.has_value()) return text;
  for (const Run& run : reader.runs(*id)) {
    text += reader.block(run.block)->substr(run.begin, run.size);
  }
  return text;
}

/// Builds of `names` packages, some hundred bytes each; the file names are in the order of `order`.
std::string big_repodata(const std::vector<std::size_t>& order, std::size_t builds) {
  std::vector<std::string> entries;
  std::mt19937_64 random(5);
  for (const std::size_t number : order) {
    const std::size_t name = number / builds;
    entries.push_back(fmt::format(
        R"("pkg-{0}-1.{1}-h{1:x}.conda":{{"name":"pkg-{0}","version":"1.{1}","build":"h{1:x}",)"
        R"("build_number":0,"depends":["pkg-{2} >=1.{1},<2","libc >=2.17"],"subdir":"linux-64",)"
        R"("md5":"{3:016x}{4:016x}","sha256":"{5:016x}{6:016x}{3:016x}{6:016x}","size":{7}}})",
        name, number % builds, (name * 7 + 1) % (order.size() / builds), random(), random(),
        random(), random(), random() % 10'000'000));
  }
  return repodata(entries);
}

std::vector<std::size_t> counting(std::size_t count) {
  std::vector<std::size_t> numbers(count);
  for (std::size_t i = 0; i < count; ++i) numbers[i] = i;
  return numbers;
}

TEST_CASE("what was written is read") {
  const test::TemporaryDirectory directory;
  const std::string text =
      repodata({record("b", R"("c","a >=1")"), record("a"), record("b-x", R"("b")")},
               {R"("b-0-0.tar.bz2":{"name":"b","depends":["only-needed"]})"},
               R"("removed":["gone.conda"])", R"({"base_url":"up"})");
  const auto reader = built(directory.path() / "index", text);
  REQUIRE(reader.has_value());
  Names names;
  for (IndexReader::Id id = 0; id < reader->name_count(); ++id) {
    names.emplace_back(reader->name(id));
  }
  CHECK(names == Names{"a", "b", "b-x", "c", "only-needed"});
  CHECK(reader->base_url() == "up");
  CHECK(reader->removed() == Names{"gone.conda"});
  CHECK(reader->runs(*reader->find("c")).empty());
  CHECK(reader->runs(*reader->find("b")).size() == 2);
  CHECK(reader->needed(*reader->find("b")).size() == 3);
  CHECK(text_of(*reader, "a") == record("a") + "\n");
  CHECK(text_of(*reader, "b").ends_with(record("b", R"("c","a >=1")") + "\n"));
  CHECK_FALSE(reader->find("").has_value());
  CHECK_FALSE(reader->find("zzz").has_value());
}

TEST_CASE("an empty channel") {
  const test::TemporaryDirectory directory;
  const auto reader = built(directory.path() / "index", "{}");
  REQUIRE(reader.has_value());
  CHECK(reader->name_count() == 0);
  CHECK_FALSE(reader->find("a").has_value());
}

TEST_CASE("each build's needs are noted, whatever the build before needed") {
  const test::TemporaryDirectory directory;
  const auto entry = [](std::string_view name, int version, std::string_view depends) {
    return fmt::format(R"("{0}-{1}-0.conda":{{"name":"{0}","depends":[{2}]}})", name, version,
                       depends);
  };
  const auto reader = built(directory.path() / "index",
                            repodata({entry("a", 1, R"("x","y","z")"), entry("b", 1, R"("x")"),
                                      entry("b", 2, R"("x","y")"), entry("b", 3, R"("q","y","z")"),
                                      entry("c", 1, R"("x")"), entry("c", 2, "")}));
  REQUIRE(reader.has_value());
  const auto needs = [&](std::string_view name) {
    Names names;
    for (const auto id : reader->needed(*reader->find(name))) names.emplace_back(reader->name(id));
    std::ranges::sort(names);
    return names;
  };
  CHECK(needs("a") == Names{"x", "y", "z"});
  CHECK(needs("b") == Names{"q", "x", "y", "z"});
  CHECK(needs("c") == Names{"x"});
}

TEST_CASE("many blocks, in any order of the records, and not larger than the channel's own zst") {
  const test::TemporaryDirectory directory;
  constexpr std::size_t builds = 20;
  std::vector<std::size_t> order = counting(8000);
  const std::string sorted = big_repodata(order, builds);
  std::shuffle(order.begin(), order.end(), std::mt19937(3));
  const auto in_order = built(directory.path() / "sorted", sorted);
  const auto mixed = built(directory.path() / "mixed", big_repodata(order, builds));
  REQUIRE(in_order.has_value());
  REQUIRE(mixed.has_value());
  CHECK(in_order->runs(*in_order->find("pkg-17")).size() <= 2);
  CHECK(mixed->runs(*mixed->find("pkg-17")).size() > 10);
  const auto lines = [](const std::string& text) { return base::split_lines(text).size(); };
  for (const char* name : {"pkg-0", "pkg-17", "pkg-399"}) {
    CHECK(lines(text_of(*in_order, name)) == builds);
    CHECK(lines(text_of(*mixed, name)) == builds);
  }
  const double own = static_cast<double>(base::zstd_compress(sorted, 16).size());
  CHECK(static_cast<double>(std::filesystem::file_size(directory.path() / "sorted")) < 1.5 * own);
}

TEST_CASE("a damaged file is noticed, wherever the damage is") {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / "index";
  REQUIRE(built(path, repodata({record("a", R"("b")"), record("b")})).has_value());
  const std::string good = *base::read_file(path);
  for (std::size_t place = 0; place < good.size(); ++place) {
    std::string bad = good;
    const auto letter = static_cast<unsigned char>(bad[place]);
    bad[place] = static_cast<char>(letter ^ (1U << (place % 8)));
    REQUIRE(base::write_file(path, bad));
    const auto reader = IndexReader::open(path);
    const bool noticed = !reader.has_value() || !reader->block(0).has_value();
    INFO(place);
    CHECK(noticed);
    if (!reader.has_value()) CHECK(reader.error().kind == ErrorKind::refused);
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    REQUIRE(base::write_file(path, good.substr(0, size)));
    CHECK_FALSE(IndexReader::open(path).has_value());
  }
  CHECK(IndexReader::open(directory.path() / "nothing").error().kind == ErrorKind::not_found);
}

TEST_CASE("a builder that does not finish leaves no file") {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / "index";
  {
    const auto builder = IndexBuilder::create(path, "x", Packing::none);
    REQUIRE(builder.has_value());
    const std::string_view half = R"({"packages":)";
    REQUIRE((*builder)->push(std::as_bytes(std::span(half))));
    CHECK(base::path_exists(path));
    const auto finished = (*builder)->finish();
    REQUIRE_FALSE(finished.has_value());
    CHECK(finished.error().message.contains("x is truncated"));
  }
  CHECK_FALSE(base::path_exists(path));
}

/// A channel as large ones are: a few thousand names with many builds each, whose dependencies
/// repeat, and checksums that do not compress.
std::string large_repodata(std::size_t count) {
  std::mt19937_64 random(1);
  const auto hex = [&](std::size_t words) {
    std::string text;
    for (std::size_t i = 0; i < words; ++i) text += fmt::format("{:016x}", random());
    return text;
  };
  Names entries;
  entries.reserve(count);
  constexpr std::size_t builds = 20;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t package = i / builds;
    const std::size_t build = i % builds;
    const std::string stem =
        fmt::format("package-{}-{}.{}.{}-py3{}h{:07x}_{}", package, package % 7, build / 4,
                    build % 4, 8 + build % 5, random() % 0x10000000, build % 3);
    Names depends = {fmt::format("\"python >=3.{0},<3.{1}.0a0\"", 8 + build % 5, 9 + build % 5),
                     fmt::format("\"python_abi 3.{0}.* *_cp3{0}\"", 8 + build % 5),
                     "\"libgcc-ng >=12\""};
    for (std::size_t k = 0; k < package % 9; ++k) {
      depends.push_back(fmt::format("\"package-{} >={}.{}\"",
                                    (package * 31 + k * 7) % (count / builds), package % 5,
                                    build / 4));
    }
    entries.push_back(fmt::format(
        R"("{0}.conda":{{"build":"{1}","build_number":{2},"depends":[{3}],"license":"BSD-3-Clause",)"
        R"("license_family":"BSD","md5":"{4}","name":"package-{5}","sha256":"{6}","size":{7},)"
        R"("subdir":"linux-64","timestamp":{8},"version":"{9}"}})",
        stem, stem.substr(stem.rfind('-') + 1), build % 3, base::join(depends, ","), hex(2),
        package, hex(4), random() % 5'000'000, 1'600'000'000'000 + random() % 100'000'000'000,
        fmt::format("{}.{}.{}", package % 7, build / 4, build % 4)));
  }
  return repodata(entries);
}

TEST_CASE("the cached form of a large channel is at most half as large again as its .zst") {
  constexpr std::size_t records = 50'000;
  constexpr int level_of_channels = 16;
  const test::TemporaryDirectory directory;
  const std::string text = large_repodata(records);
  const auto reader = built(directory.path() / "1", text);
  REQUIRE(reader.has_value());
  CHECK(reader->name_count() == records / 20 + 3);  // and python, python_abi, libgcc-ng
  const std::size_t packed = base::zstd_compress(text, level_of_channels).size();
  const std::size_t cached = std::filesystem::file_size(directory.path() / "1");
  INFO("plain " << text.size() << ", zst " << packed << ", cached " << cached);
  CHECK(cached * 2 <= packed * 3);
}

TEST_CASE("the closure goes through all sources, cycles included") {
  const test::TemporaryDirectory directory;
  const auto first = built(directory.path() / "1", repodata({record("a", R"("b")"), record("c")}));
  const auto second =
      built(directory.path() / "2",
            repodata({record("b", R"("c","a","self")"), record("x"), record("self", R"("self")")}));
  REQUIRE(first.has_value());
  REQUIRE(second.has_value());
  const std::vector<const IndexReader*> sources = {&*first, &*second};
  const std::vector<std::string> roots = {"a", "nothing"};
  const auto wanted = wanted_blocks(sources, roots, IndexRequest::Reach::closure).value();
  REQUIRE(wanted.size() == 2);
  CHECK(wanted[0].source == 0);
  CHECK(wanted[0].runs.size() == 2);
  CHECK(wanted[1].source == 1);
  CHECK(wanted[1].runs.size() == 2);
  CHECK(all_names(sources) == Names{"a", "b", "c", "self", "x"});
  const std::vector<std::string> none;
  CHECK(wanted_blocks(sources, none, IndexRequest::Reach::closure)->empty());
}

}  // namespace
}  // namespace hpcenv::index
