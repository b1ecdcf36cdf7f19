// The same create in the places where clusters keep environments: long paths, blanks, other file
// systems, other people's caches, full disks.
#include <grp.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <iostream>

#include "base/fs.hpp"
#include "prefix/create.hpp"
#include "prefix/state.hpp"
#include "unit/prefix/change_case.hpp"
#include "unit/prefix/package_tree.hpp"
#include "unit/support/message_of.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::test;
namespace fs = std::filesystem;

namespace {

using Names = std::vector<std::string>;

/// A small file system of its own; `made` is false where this process may not mount.
class SmallDisk {
 public:
  SmallDisk(fs::path path, const std::string& options) : path_(std::move(path)) {
    fs::create_directories(path_);
    made_ = mount("tmpfs", path_.c_str(), "tmpfs", 0, options.c_str()) == 0;
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (made_) umount2(path_.c_str(), MNT_DETACH);
  }
  bool made() const { return made_; }

 private:
  fs::path path_;
  bool made_ = false;
};

/// A hard link, a copy, both kinds of patches, an entry point.
std::vector<conda::UnpackedPackage> packages_in(const fs::path& cache) {
  TreePackage tool{"tool"};
  tool.noarch = conda::Noarch::python;
  tool.files = {{"site-packages/tool/__init__.py", "def main():\n    print('from the tool')\n"}};
  tool.entry_points = {"tool = tool:main"};
  return {
      unpack(python_package(), cache), unpack(tool, cache),
      unpack({"a",
              {{"share/plain", "plain"},
               {"bin/py", "#!" + placeholder() + "/bin/python\nprint('patched')\n", "text", 0755},
               {"lib/a.so", "\1" + placeholder() + "/x" + std::string(1, '\0'), "binary"}}},
             cache)};
}

prefix::LinkOptions full_options() {
  prefix::LinkOptions options = plain_options();
  options.bytecode = prefix::LinkOptions::Bytecode::compile;
  options.jobs = 2;
  return options;
}

std::string output_of(const fs::path& program, const fs::path& prefix) {
  base::ProcessRequest request;
  request.argv = {program.string()};
  request.environment.set("PATH", "/usr/bin:/bin");  // not activated
  request.environment.set("PYTHONPATH",
                          (prefix / ("lib/python" + python_minor() + "/site-packages")).string());
  request.environment.set("PYTHONDONTWRITEBYTECODE", "1");
  const auto result = base::make_process_runner()->run(request);
  return result.has_value() ? result->output + result->errors : result.error().message;
}

/// What is wrong with the environment that was made of `packages_in`, or "none".
std::string trouble_with(const fs::path& prefix) {
  if (output_of(prefix / "bin/tool", prefix) != "from the tool\n") {
    return "bin/tool: " + output_of(prefix / "bin/tool", prefix);
  }
  if (output_of(prefix / "bin/py", prefix) != "patched\n") {
    return "bin/py: " + output_of(prefix / "bin/py", prefix);
  }
  if (!disagreeing_paths(prefix).empty()) return disagreeing_paths(prefix).front();
  return "none";
}

/// The type of link that the records say.
conda::LinkType link_type(const fs::path& prefix, const std::string& name) {
  const prefix::PrefixState state = prefix::read_state(prefix).value();
  for (const auto& package : state.packages) {
    if (package.record.name == name) return package.link_type;
  }
  return conda::LinkType::directory;
}

}  // namespace

TEST_CASE("situation: paths with blanks, of 200 characters, at the limit, with other letters") {
  const TemporaryDirectory directory;
  const auto packages = packages_in(directory / "cache");
  const std::string base = directory.path().string() + "/";
  for (const std::string& name :
       {std::string("with some  blanks"), std::string("\xC3\xA9t\xC3\xA9"), std::string("it's"),
        std::string(200 - base.size(), 'l'), std::string(255 - base.size(), 'm')}) {
    const fs::path prefix = base + name;
    REQUIRE(create(prefix, packages, full_options()).has_value());
    CHECK(trouble_with(prefix) == "none");
    CHECK(link_type(prefix, "a") == conda::LinkType::hardlink);
  }
}

TEST_CASE("situation: a cache on another file system is copied from, and the record says so") {
  const TemporaryDirectory directory;
  const SmallDisk disk(directory / "other", "size=4m");
  if (!disk.made()) SKIP("no right to mount a file system");
  const auto packages = packages_in(directory / "other/cache");
  const fs::path prefix = directory / "env";
  REQUIRE(create(prefix, packages, full_options()).has_value());
  CHECK(trouble_with(prefix) == "none");
  CHECK(link_type(prefix, "a") == conda::LinkType::copy);
  CHECK(prefix::exact_budget(packages, directory / "next")->inodes ==
        prefix::exact_budget(packages)->inodes);
}

TEST_CASE("situation: a full disk or no inodes left: said so, and nothing is left") {
  const TemporaryDirectory directory;
  TreePackage big{"big"};
  for (int i = 0; i < 40; ++i) {
    big.files.push_back({"share/" + std::to_string(i), std::string(8000, 'b'), "", 0644, "", true});
  }
  auto packages = packages_in(directory / "cache");
  packages.push_back(unpack(big, directory / "cache"));
  int failures = 0;
  for (const char* limit : {"size=16k", "size=40k", "size=160k", "size=400k", "size=450k",
                            "nr_inodes=5", "nr_inodes=12", "nr_inodes=40", "nr_inodes=65"}) {
    const SmallDisk disk(directory / "disk", limit);
    if (!disk.made()) SKIP("no right to mount a file system");
    const fs::path prefix = directory / "disk/env";
    const auto created = create(prefix, packages, full_options());
    INFO(limit);
    if (created.has_value()) {
      CHECK(trouble_with(prefix) == "none");
      continue;
    }
    ++failures;
    CHECK(created.error().kind == ErrorKind::no_space);
    CHECK(names_in(directory / "disk").empty());
  }
  CHECK(failures >= 6);
}

TEST_CASE("situation: another user's read-only cache") {
  if (geteuid() != 0) SKIP("no right to act as another user");
  const TemporaryDirectory directory;
  chmod(directory.path().c_str(), 0755);
  const auto packages = packages_in(directory / "cache");
  fs::create_directory(directory / "home");
  constexpr uid_t nobody = 65534;
  REQUIRE(chown((directory / "home").c_str(), nobody, nobody) == 0);
  const pid_t child = fork();
  if (child == 0) {
    if (setgroups(0, nullptr) != 0 || setgid(nobody) != 0 || setuid(nobody) != 0) _exit(1);
    const fs::path prefix = directory / "home/env";
    const auto created = create(prefix, packages, full_options());
    if (!created.has_value()) {
      std::cerr << created.error().message << std::endl;
      _exit(2);
    }
    if (trouble_with(prefix) != "none") _exit(3);
    // The parent of the prefix cannot be written: refused at once.
    if (prefix::check_new_prefix(directory / "env").has_value()) _exit(4);
    if (prefix::check_new_prefix(directory / "env").error().kind != ErrorKind::refused) _exit(5);
    // It can be removed as it was made.
    _exit(test::remove_environment(prefix).has_value() ? 0 : 6);
  }
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(names_in(directory / "home").empty());
}

TEST_CASE("situation: a mount point becomes an environment from inside") {
  const TemporaryDirectory directory;
  const auto packages = packages_in(directory / "cache");
  const SmallDisk disk(directory / "mounted", "size=4m");
  if (!disk.made()) SKIP("no right to mount a file system");
  const fs::path prefix = directory / "mounted";
  REQUIRE(prefix::check_new_prefix(prefix).has_value());
  REQUIRE(message_of(change_to(prefix, packages, full_options())) == no_failure);
  CHECK(trouble_with(prefix) == "none");
  CHECK(own_names(prefix).empty());
}

TEST_CASE("situation: two creates of one environment at once: one is made, one is refused") {
  const TemporaryDirectory directory;
  const auto packages = packages_in(directory / "cache");
  const fs::path prefix = directory / "place/env";
  fs::create_directory(directory / "place");
  for (int round = 0; round < 5; ++round) {
    std::vector<pid_t> children;
    for (int i = 0; i < 3; ++i) {
      const pid_t child = fork();
      if (child == 0) {
        const auto created = create(prefix, packages, plain_options());
        if (created.has_value()) _exit(0);
        _exit(created.error().kind == ErrorKind::refused ? 1 : 2);
      }
      children.push_back(child);
    }
    int made = 0;
    for (const pid_t child : children) {
      int status = 0;
      waitpid(child, &status, 0);
      REQUIRE(WIFEXITED(status));
      CHECK(WEXITSTATUS(status) <= 1);
      if (WEXITSTATUS(status) == 0) ++made;
    }
    CHECK(made == 1);
    CHECK(trouble_with(prefix) == "none");
    CHECK(names_in(directory / "place") == Names{"env"});
    REQUIRE(test::remove_environment(prefix).has_value());
    CHECK(names_in(directory / "place").empty());
  }
}
