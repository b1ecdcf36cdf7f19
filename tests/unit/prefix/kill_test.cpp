// A create killed at every point where it changes the disk; then the same create again.
#include <catch2/catch_test_macros.hpp>
#include <iostream>

#include "prefix/create.hpp"
#include "prefix/readers.hpp"
#include "prefix/state.hpp"
#include "unit/prefix/kill_sweep.hpp"
#include "unit/prefix/package_tree.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::test;
namespace fs = std::filesystem;

namespace {

/// Below 60 files: every way of linking, clobbers, noarch python, a link script.
std::vector<conda::UnpackedPackage> fixture(const fs::path& cache) {
  TreePackage library{"liba",
                      {{"lib/liba.so", "\1" + placeholder() + std::string(2, '\0'), "binary"},
                       {"lib/liba.so.1", "", "", 0, "liba.so"},
                       {"share/clash", "from liba"},
                       {"share/doc/a/", ""},
                       {"etc/own", "own", "", 0640, "", true}}};
  for (int i = 0; i < 24; ++i) {
    library.files.push_back({"include/a/" + std::to_string(i) + ".h", "header"});
  }
  TreePackage module{"module"};
  module.noarch = conda::Noarch::python;
  module.entry_points = {"tool = module:main"};
  for (int i = 0; i < 8; ++i) {
    module.files.push_back({"site-packages/module/m" + std::to_string(i) + ".py", "x = 1\n"});
  }
  module.files.push_back({"site-packages/module/__init__.py", "def main():\n    pass\n"});
  return {unpack(library, cache), unpack(python_package(), cache), unpack(module, cache),
          unpack({"scripted",
                  {{"share/clash", "from scripted"},
                   {"bin/tool2", "#!" + placeholder() + "/bin/python\n", "text", 0755},
                   {"bin/.scripted-post-link.sh",
                    "echo told >> \"$PREFIX/.messages.txt\"; echo ran > \"$PREFIX/ran\"\n"}}},
                 cache)};
}

Ending create_in_child(const fs::path& prefix, const std::vector<conda::UnpackedPackage>& packages,
                       const prefix::LinkOptions& options, int kill_at) {
  return in_child([&] { return create(prefix, packages, options).has_value(); }, kill_at);
}

/// What is wrong after a kill at point N and the same create again; empty where nothing is.
std::string trouble_after(const fs::path& place,
                          const std::map<std::string, std::string>& expected) {
  const fs::path prefix = place / "env";
  if (names_in(place) != std::vector<std::string>{"env"}) return "something temporary is left";
  if (!prefix::require_usable(prefix).has_value()) return "the environment is not usable";
  if (snapshot(prefix) != expected) return "the environment differs from an unkilled one";
  return {};
}

class Sweep {
 public:
  int run() {
    const fs::path prefix = place_ / "env";
    fs::create_directory(place_);
    if (create_in_child(prefix, packages_, options(0), 0).code != 0) return fail(0, "no create");
    const auto plain = snapshot(prefix);
    fs::remove_all(prefix);
    if (create_in_child(prefix, packages_, options(compile_every), 0).code != 0) {
      return fail(0, "no create");
    }
    const auto compiled = snapshot(prefix);
    int point = 1;
    for (; point < 5000; ++point) {
      fs::remove_all(place_);
      fs::create_directory(place_);
      const Ending first = create_in_child(prefix, packages_, options(point), point);
      if (!first.killed && first.code == 0) break;
      if (!first.killed) return fail(point, "an ordinary failure");
      const bool was_there =
          prefix::is_environment(prefix) && prefix::require_usable(prefix).has_value();
      const Ending second = create_in_child(prefix, packages_, options(point), 0);
      // Where the kill came after all was done the environment is there, and create says so.
      if (second.code != (was_there ? 3 : 0)) return fail(point, "the second create");
      const auto& expected = point % compile_every == 0 ? compiled : plain;
      const std::string trouble = trouble_after(place_, expected);
      if (!trouble.empty()) return fail(point, trouble);
    }
    std::cout << "kills " << point - 1 << std::endl;
    return point > 90 ? 0 : fail(point, "too few points");
  }

 private:
  /// Compiling takes a python each time; its writes are not counted among the points.
  static constexpr int compile_every = 25;

  static prefix::LinkOptions options(int point) {
    prefix::LinkOptions chosen = plain_options();
    if (point > 0 && point % compile_every == 0) {
      chosen.bytecode = prefix::LinkOptions::Bytecode::compile;
    }
    return chosen;
  }

  static int fail(int point, const std::string& what) {
    std::cout << "point " << point << ": " << what << std::endl;
    return 1;
  }

  TemporaryDirectory directory_;
  fs::path place_ = directory_ / "place";
  std::vector<conda::UnpackedPackage> packages_ = fixture(directory_ / "cache");
};

/// What a writer has in the prefix before it changes it.
std::map<std::string, std::string> without_lock(std::map<std::string, std::string> found) {
  std::erase_if(found, [](const auto& entry) {
    return entry.first == ".hpcenv" || entry.first.starts_with(".hpcenv/lock") ||
           entry.first.starts_with(".hpcenv/change-");
  });
  return found;
}

/// A removal killed at every point, then the same removal again: nothing is left, and at no time is
/// there half an environment.
int sweep_removal() {
  const TemporaryDirectory directory;
  const auto packages = fixture(directory / "cache");
  const fs::path place = directory / "place";
  const fs::path prefix = place / "env";
  const auto remove_in_child = [&](int kill_at) {
    return in_child([&] { return test::remove_environment(prefix).has_value(); }, kill_at);
  };
  fs::create_directory(place);
  if (create_in_child(prefix, packages, plain_options(), 0).code != 0) return 1;
  const auto whole = snapshot(prefix);
  int point = 1;
  for (; point < 5000; ++point) {
    fs::remove_all(place);
    fs::create_directory(place);
    if (create_in_child(prefix, packages, plain_options(), 0).code != 0) return 1;
    const Ending first = remove_in_child(point);
    if (!first.killed) break;
    if (fs::exists(prefix) && without_lock(snapshot(prefix)) != without_lock(whole)) return 1;
    remove_in_child(0);
    if (!names_in(place).empty()) {
      std::cout << "removal, point " << point << ": something is left" << std::endl;
      return 1;
    }
  }
  std::cout << "removals killed " << point - 1 << std::endl;
  return point > 50 ? 0 : 1;
}

}  // namespace

TEST_CASE("the sweep of removals, in a process of its own", "[.][kill-removal]") {
  CHECK(sweep_removal() == 0);
}

TEST_CASE("the sweep itself, in a process of its own", "[.][kill-sweep]") {
  CHECK(Sweep().run() == 0);
}

TEST_CASE("create: killed at any point, the same create again makes the whole environment") {
  run_sweep("[kill-sweep]", "kills ");
}

TEST_CASE("remove: killed at any point, the same removal again leaves nothing") {
  run_sweep("[kill-removal]", "removals killed ");
}
