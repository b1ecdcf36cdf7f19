// An environment that exists changes: packages come, go and are replaced.
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>

#include "prefix/create.hpp"
#include "prefix/state.hpp"
#include "unit/prefix/change_case.hpp"
#include "unit/support/message_of.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::test;
namespace fs = std::filesystem;

namespace {

TreePackage tool(const std::string& version) {
  return {"tool",
          {{"bin/tool", "#!" + placeholder() + "/bin/python\n# " + version + "\n", "text", 0755},
           {"lib/tool/data-" + version, "only in " + version},
           {"lib/tool/data", "data of " + version}},
          version};
}

TreePackage library() {
  return {"liba",
          {{"lib/liba.so", "\1" + placeholder() + std::string(2, '\0'), "binary"},
           {"lib/liba.so.1", "", "", 0, "liba.so"},
           {"share/liba/deep/er/file", "x"}}};
}

/// A directory with a cache, and a prefix that holds `first`.
struct Case {
  TemporaryDirectory directory;
  fs::path cache = directory / "cache";
  fs::path prefix = directory / "env";

  conda::UnpackedPackage made(const TreePackage& package) const { return unpack(package, cache); }
  void start(const Packages& packages) const {
    REQUIRE(message_of(create(prefix, packages)) == no_failure);
  }
  /// What a fresh environment of these packages holds; made at the same path.
  std::map<std::string, std::string> fresh(const Packages& packages) const {
    fs::rename(prefix, directory / "aside");
    REQUIRE(message_of(create(prefix, packages)) == no_failure);
    auto files = files_of(prefix);
    fs::remove_all(prefix);
    fs::rename(directory / "aside", prefix);
    return files;
  }
};

}  // namespace

TEST_CASE("change: install, update and remove give what a create of the same packages gives") {
  const Case c;
  const auto python = c.made(python_package());
  const auto liba = c.made(library());
  const auto old_tool = c.made(tool("1.0"));
  const auto new_tool = c.made(tool("2.0"));
  c.start({python});

  auto changed = change_to(c.prefix, {python, old_tool, liba});
  REQUIRE(message_of(changed) == no_failure);
  CHECK(files_of(c.prefix) == c.fresh({python, old_tool, liba}));
  CHECK(disagreeing_paths(c.prefix).empty());
  CHECK(own_names(c.prefix).empty());

  changed = change_to(c.prefix, {python, new_tool, liba});
  REQUIRE(message_of(changed) == no_failure);
  CHECK(files_of(c.prefix) == c.fresh({python, new_tool, liba}));
  CHECK(changed->kept.empty());
  CHECK(fs::exists(c.prefix / "conda-meta/tool-2.0-0.json"));
  CHECK_FALSE(fs::exists(c.prefix / "conda-meta/tool-1.0-0.json"));

  changed = change_to(c.prefix, {python});
  REQUIRE(message_of(changed) == no_failure);
  CHECK(files_of(c.prefix) == c.fresh({python}));
  CHECK(text_of(c.prefix / "conda-meta/history").find("-https://conda.anaconda.org/conda-forge/") !=
        std::string::npos);
  CHECK(prefix::read_state(c.prefix)->packages.size() == 1);
}

TEST_CASE("change: a plan that another tool made stale is told of, and nothing is left") {
  const Case c;
  const auto python = c.made(python_package());
  c.start({python});
  const ChangePlan change = plan_change(c.prefix, {python, c.made(library())});
  put_file(c.prefix / "conda-meta/other-1-0.json",
           R"({"name": "other", "version": "1", "build": "0", "build_number": 0})");
  const auto before = snapshot(c.prefix);
  const auto changed = carry_out_plan(change);
  REQUIRE_FALSE(changed.has_value());
  CHECK(changed.error().kind == ErrorKind::conflict);
  CHECK(snapshot(c.prefix) == before);
}

TEST_CASE("change: files of the user's in the way are kept and named") {
  const Case c;
  const auto python = c.made(python_package());
  c.start({python});
  put_file(c.prefix / "lib/liba.so", "mine");
  put_file(c.prefix / "share/liba", "a file where a directory goes");
  const auto changed = change_to(c.prefix, {python, c.made(library())});
  REQUIRE(message_of(changed) == no_failure);
  CHECK(changed->kept == std::vector<std::string>{"lib/liba.so", "share/liba"});
  REQUIRE(own_names(c.prefix) == std::vector<std::string>{"kept"});
  const auto dates = names_in(c.prefix / ".hpcenv/kept");
  REQUIRE(dates.size() == 1);
  const fs::path kept = c.prefix / ".hpcenv/kept" / dates.front();
  CHECK(text_of(kept / "lib/liba.so") == "mine");
  CHECK(text_of(kept / "share/liba") == "a file where a directory goes");
  CHECK(disagreeing_paths(c.prefix).empty());
}
