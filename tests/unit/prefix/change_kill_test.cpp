// A change killed at every point where it changes the disk; then the same change again.
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <functional>
#include <iostream>

#include "prefix/create.hpp"
#include "prefix/state.hpp"
#include "unit/prefix/change_case.hpp"
#include "unit/prefix/kill_sweep.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::test;
namespace fs = std::filesystem;

namespace {

using Snapshot = std::map<std::string, std::string>;

/// Below 60 files; from the first version to the second everything that can happen to a name does.
TreePackage tool(int version) {
  const std::string text = "version " + std::to_string(version);
  TreePackage package{
      "tool",
      {{"bin/tool", "#!" + placeholder() + "/bin/python\n# " + text, "text", 0755},
       {"lib/tool.so", "\1" + placeholder() + text + std::string(2, '\0'), "binary"},
       {"share/tool/same", "the same"},
       {"share/tool/changed-by-user", text},
       {"bin/.tool-pre-unlink.sh", "echo pre-unlink >> \"$PREFIX/ran\"\n"},
       {"bin/.tool-post-link.sh", "echo post-link >> \"$PREFIX/ran\"\n"}},
      std::to_string(version)};
  for (int i = 0; i < 6; ++i) {
    package.files.push_back({"lib/tool/" + std::to_string(i), text});
  }
  if (version == 1) {
    package.files.push_back({"share/swap-to-directory", "a file"});
    package.files.push_back({"share/swap-to-file/inner/a", "in a directory"});
    package.files.push_back({"share/swap-to-link", "a file"});
    package.files.push_back({"lib/only-old/deep/er/file", "old"});
    package.files.push_back({"lib/link-to-file", "", "", 0, "tool.so"});
  } else {
    package.files.push_back({"share/swap-to-directory/inner/a", "in a directory"});
    package.files.push_back({"share/swap-to-file", "a file"});
    package.files.push_back({"share/swap-to-link", "", "", 0, "tool/same"});
    package.files.push_back({"lib/only-new/deep/er/file", "new"});
    package.files.push_back({"lib/only-new/deep/er/too", "new"});
    package.files.push_back({"lib/link-to-file", "a file now"});
    package.files.push_back({"etc/foreign", "of the package"});
    package.files.push_back({"bin/.tool-pre-link.sh", "echo pre-link >> \"$PREFIX/ran\"\n"});
  }
  return package;
}

TreePackage module() {
  TreePackage package{"module"};
  package.noarch = conda::Noarch::python;
  package.entry_points = {"tool-of-module = module:main"};
  for (int i = 0; i < 4; ++i) {
    package.files.push_back({"site-packages/module/m" + std::to_string(i) + ".py", "x = 1\n"});
  }
  return package;
}

/// What link scripts wrote may be longer after a kill: they are the one exception.
Snapshot whole(const fs::path& prefix) {
  Snapshot entries = snapshot(prefix);
  entries.erase("ran");
  return entries;
}

Snapshot visible(const fs::path& prefix) {
  Snapshot entries = whole(prefix);
  // The name of a trial may be left; the next command removes it.
  std::erase_if(entries, [](const auto& entry) {
    return entry.first.starts_with(".hpcenv") || entry.first.find("/.hpcenv-") != std::string::npos;
  });
  return entries;
}

class Sweep {
 public:
  Sweep(std::string name, std::function<void()> start, std::function<Packages()> wanted)
      : name_(std::move(name)), start_(std::move(start)), wanted_(std::move(wanted)) {}

  int run(const fs::path& prefix) {
    const auto act = [&] {
      const auto changed = change_to(prefix, wanted_(), options());
      if (!changed.has_value()) std::cout << changed.error().message << std::endl;
      return changed.has_value();
    };
    fs::remove_all(prefix);
    start();
    const Snapshot before = fs::exists(prefix) ? visible(prefix) : Snapshot();
    if (in_child(act, 0).code != 0) return fail(0, "no change");
    const Snapshot after = whole(prefix);
    const Snapshot after_visible = visible(prefix);
    int point = 1;
    int unfinished = 0;
    for (; point < 5000; ++point) {
      fs::remove_all(prefix);
      start();
      const Ending first = in_child(act, point);
      if (!first.killed && first.code == 0) break;
      if (!first.killed) return fail(point, "an ordinary failure");
      if (prefix::is_unfinished(prefix)) {
        ++unfinished;
      } else if (fs::exists(prefix) && visible(prefix) != before &&
                 visible(prefix) != after_visible) {
        return fail(point, "neither old nor new");
      }
      if (in_child(act, 0).code != 0) return fail(point, "the second change");
      Snapshot now = whole(prefix);
      if (now != after) {
        show_difference(after, now);
        return fail(point, "other files than after an unkilled one");
      }
    }
    std::cout << name_ << ": kills " << point - 1 << ", unfinished " << unfinished << std::endl;
    return point > 60 && unfinished > 20 ? 0 : fail(point, "too few points");
  }

 private:
  void start() const {
    in_child([&] { return start_(), true; }, 0);
  }

  static prefix::LinkOptions options() { return plain_options(); }

  int fail(int point, const std::string& what) const {
    std::cout << name_ << ", point " << point << ": " << what << std::endl;
    return 1;
  }

  static void show_difference(const Snapshot& expected, const Snapshot& found) {
    for (const auto& [path, value] : expected) {
      if (!found.contains(path)) std::cout << "missing " << path << std::endl;
    }
    for (const auto& [path, value] : found) {
      const auto other = expected.find(path);
      if (other == expected.end()) std::cout << "too much: " << path << std::endl;
      if (other != expected.end() && other->second != value) {
        std::cout << path << ": " << value << ", not " << other->second << std::endl;
      }
    }
  }

  std::string name_;
  std::function<void()> start_;
  std::function<Packages()> wanted_;
};

struct Fixture {
  TemporaryDirectory directory;
  fs::path prefix = directory / "env";
  conda::UnpackedPackage python = unpack(python_package(), directory / "cache");
  conda::UnpackedPackage noarch = unpack(module(), directory / "cache");
  conda::UnpackedPackage first = unpack(tool(1), directory / "cache");
  conda::UnpackedPackage second = unpack(tool(2), directory / "cache");

  void make_first() const {
    if (!create(prefix, {python, first}).has_value()) std::abort();
    put_file(prefix / "etc/foreign", "mine");
    put_file(prefix / "share/swap-to-file/mine", "mine too");
    fs::remove(prefix / "share/tool/changed-by-user");
    put_file(prefix / "share/tool/changed-by-user", "edited");
    fs::remove(prefix / "ran");
  }
};

int sweep_update() {
  const Fixture f;
  return Sweep(
             "update", [&] { f.make_first(); },
             [&] { return Packages{f.python, f.noarch, f.second}; })
      .run(f.prefix);
}

int sweep_removal() {
  const Fixture f;
  return Sweep(
             "removal", [&] { f.make_first(); }, [&] { return Packages{f.python}; })
      .run(f.prefix);
}

int sweep_create_inside() {
  const Fixture f;
  return Sweep(
             "create inside", [&] { put_file(f.prefix / "etc/foreign", "mine"); },
             [&] { return Packages{f.python, f.noarch, f.second}; })
      .run(f.prefix);
}

}  // namespace

TEST_CASE("the sweep of updates, in a process of its own", "[.][kill-update]") {
  CHECK(sweep_update() == 0);
}

TEST_CASE("the sweep of package removals, in a process of its own", "[.][kill-change-removal]") {
  CHECK(sweep_removal() == 0);
}

TEST_CASE("the sweep of creates inside, in a process of its own", "[.][kill-create-inside]") {
  CHECK(sweep_create_inside() == 0);
}

TEST_CASE("change: an update killed at any point is completed or done by the same again") {
  run_sweep("[kill-update]", ": kills ");
}

TEST_CASE("change: a removal killed at any point is completed or done by the same again") {
  run_sweep("[kill-change-removal]", ": kills ");
}

TEST_CASE("change: a create inside a directory killed at any point likewise") {
  run_sweep("[kill-create-inside]", ": kills ");
}
