#include "ops/standing_wishes.hpp"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "base/fs.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;
using Texts = std::vector<std::string>;

conda::PrefixRecord package(const std::string& name, const std::string& version,
                            Texts requested = {}) {
  conda::PrefixRecord installed;
  installed.record.name = name;
  installed.record.version = version;
  installed.record.build = "0";
  installed.record.subdir = "linux-64";
  installed.record.channel = "https://conda.anaconda.org/conda-forge/linux-64";
  installed.requested_specs = std::move(requested);
  return installed;
}

class Prefix {
 public:
  explicit Prefix(std::vector<conda::PrefixRecord> packages) {
    state_.prefix = directory_ / "env";
    state_.packages = std::move(packages);
    fs::create_directories(state_.prefix / "conda-meta");
  }
  void write(const std::string& name, const std::string& text) const {
    REQUIRE(base::write_file(state_.prefix / "conda-meta" / name, text));
  }
  const prefix::PrefixState& state() const { return state_; }
  const fs::path& path() const { return state_.prefix; }

 private:
  test::TemporaryDirectory directory_;
  prefix::PrefixState state_;
};

Texts texts(const Result<std::vector<conda::MatchSpec>>& specs) {
  Texts list;
  for (const conda::MatchSpec& spec : specs.value()) list.push_back(spec.text);
  return list;
}

TEST_CASE("wishes come from the history, else from the records, of what is installed") {
  const Prefix prefix({package("a", "1.5"), package("b", "2", {"b>=1"}), package("c", "3"),
                       package("d", "4", {"d<9"})});
  prefix.write("history",
               "==> 2026-01-01 00:00:00 <==\n# update specs: ['a=1', 'b=2', 'gone', 'c']\n"
               "==> 2026-01-02 00:00:00 <==\n# remove specs: ['c']\n");
  CHECK(texts(wished_earlier(prefix.state())) == Texts{"a=1", "b=2", "d<9"});
}

TEST_CASE("a wish that another tool has overruled shrinks to the name") {
  const Prefix prefix({package("a", "2.0"), package("b", "1", {"b >>"})});
  prefix.write("history", "==> 2026-01-01 00:00:00 <==\n# update specs: ['a=1.0']\n");
  CHECK(texts(wished_earlier(prefix.state())) == Texts{"a", "b"});
}

TEST_CASE("without a history the records alone speak") {
  const Prefix prefix({package("a", "1", {"a", "a>=1"}), package("b", "1")});
  CHECK(texts(wished_earlier(prefix.state())) == Texts{"a>=1"});
}

TEST_CASE("pins come from the settings and from conda-meta/pinned") {
  const Prefix prefix({});
  CHECK(texts(pins_of(prefix.path(), Texts{})).empty());
  prefix.write("pinned", "# by hand\n\n  numpy 1.26.*  # because\npython<3.13\n");
  CHECK(texts(pins_of(prefix.path(), Texts{"mpi=*=mpich"})) ==
        Texts{"mpi=*=mpich", "numpy 1.26.*", "python<3.13"});
}

TEST_CASE("a pin that cannot be read is named with its place") {
  const Prefix prefix({});
  prefix.write("pinned", "a\nb >>1\n");
  const auto pins = pins_of(prefix.path(), Texts{});
  REQUIRE_FALSE(pins.has_value());
  CHECK(pins.error().kind == ErrorKind::bad_spec);
  CHECK(pins.error().context.at(0).ends_with("/conda-meta/pinned:2"));
  CHECK(pins_of("/nowhere", Texts{">>"}).error().context.at(0) == "reading pinned_packages");
}

TEST_CASE("python keeps its minor version, other packages their all") {
  CHECK(texts(python_pin(Prefix({package("python", "3.11.9")}).state())) == Texts{"python 3.11.*"});
  CHECK(texts(python_pin(Prefix({package("perl", "5.32")}).state())).empty());
  CHECK(texts(python_pin(Prefix({package("python", "3")}).state())).empty());
  CHECK(texts(frozen_packages(Prefix({package("a", "1.5")}).state())) == Texts{"a==1.5=0"});
}

TEST_CASE("a spec is met with its channel, whatever way a tool writes that") {
  const auto met = [](const std::string& spec, const std::string& channel) {
    conda::PackageRecord record = package("a", "1.5").record;
    record.channel = channel;
    return meets(conda::MatchSpec::parse(spec).value(), record, "https://conda.anaconda.org");
  };
  CHECK(met("a", "https://x.org/c"));
  CHECK(met("conda-forge::a=1", "https://conda.anaconda.org/conda-forge/linux-64"));
  CHECK(met("conda-forge::a=1", "https://conda.anaconda.org/conda-forge/"));
  CHECK(met("conda-forge::a=1", "conda-forge"));
  CHECK_FALSE(met("bioconda::a=1", "https://conda.anaconda.org/conda-forge"));
  CHECK_FALSE(met("a=2", "https://conda.anaconda.org/conda-forge"));
}

TEST_CASE("only a name is only a name") {
  const auto bare = [](const char* text) {
    return is_name_only(conda::MatchSpec::parse(text).value());
  };
  CHECK(bare("numpy"));
  CHECK(bare("NumPy "));
  for (const char* text :
       {"numpy=1", "numpy>=1", "numpy *", "conda-forge::numpy", "num*", "numpy[build=x]"}) {
    CHECK_FALSE(bare(text));
  }
}

TEST_CASE("a frozen environment says why") {
  const Prefix prefix({});
  CHECK(require_not_frozen(prefix.path()).has_value());
  for (const char* text : {"", "not json", "[]", R"({"message": 3})"}) {
    prefix.write("frozen", text);
    const auto frozen = require_not_frozen(prefix.path());
    REQUIRE_FALSE(frozen.has_value());
    CHECK(frozen.error().kind == ErrorKind::refused);
    CHECK(frozen.error().context.empty());
  }
  prefix.write("frozen", R"({"message": "ask us"})");
  CHECK(require_not_frozen(prefix.path()).error().context.at(0) == "ask us");
}

}  // namespace
}  // namespace hpcenv::ops
