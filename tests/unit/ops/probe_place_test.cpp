#include "ops/probe_place.hpp"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>

#include "ops/node_sight.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;

/// Not below /tmp, which is nobody's but a node's.
class Shared {
 public:
  Shared() : root_(*base::make_private_directory(HPCENV_BINARY_DIR, "probe-place-")) {
    for (const char* name : {"home/ada", "scratch/ada", "work"})
      fs::create_directories(root_ / name);
    locations.home = root_ / "home/ada";
    locations.root = locations.home / ".local/share/hpcenv";
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { static_cast<void>(base::remove_tree(root_)); }
  fs::path operator/(const char* name) const { return root_ / name; }

  Locations locations;
  base::Environment environment;

 private:
  fs::path root_;
};

}  // namespace

TEST_CASE("a probe lies where nodes are likeliest to see it, home last") {
  Shared shared;
  CHECK(probe_parents(shared.locations, shared.environment) ==
        std::vector<fs::path>{shared.locations.home});
  shared.environment.set("SCRATCH", (shared / "work").string());
  shared.environment.set("WORK", "/nowhere");
  shared.environment.set("PROJECT", "relative");
  shared.environment.set("FAST", "/tmp");
  CHECK(probe_parents(shared.locations, shared.environment) ==
        std::vector<fs::path>{shared / "work", shared.locations.home});
  shared.locations.root = shared / "scratch/ada/not/yet";
  CHECK(probe_parents(shared.locations, shared.environment) ==
        std::vector<fs::path>{shared / "scratch/ada", shared / "work", shared.locations.home});
  CHECK(shared_directories(shared.locations, shared.environment) ==
        std::vector<fs::path>{shared.locations.home, shared / "scratch/ada", shared / "work"});
}

TEST_CASE("the folder of a probe is private, and so is what it holds") {
  const Shared shared;
  const auto place = make_probe_place(shared / "work", "/bin/true", "1.2");
  REQUIRE(place);
  CHECK(is_probe_folder(place->folder));
  struct stat status{};
  REQUIRE(stat(place->folder.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0700);
  REQUIRE(stat((place->folder / "hpcenv").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0700);
  const std::string script = test::text_of(place->script);
  CHECK(script.starts_with("#!/bin/bash\n"));
  CHECK(script.find(place->folder.native()) != std::string::npos);
  CHECK(script.find('@') == script.find("@FOLDER@"));  // nothing is left to fill in
  const auto none = make_probe_place(shared / "work", "/nowhere/hpcenv", "1.2");
  REQUIRE_FALSE(none);
  CHECK(none.error().kind == ErrorKind::not_found);
  const auto names = base::list_directory(shared / "work");
  CHECK(names->size() == 1);
}

TEST_CASE("old folders of probes are swept, and nothing else") {
  const Shared shared;
  const fs::path work = shared / "work";
  for (const char* name : {".hpcenv-probe-a", ".hpcenv-probe-b", ".hpcenv-other"}) {
    fs::create_directories(work / name);
  }
  test::put_file(work / ".hpcenv-seen-a", "x");
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(24 * 8);
  for (const char* name : {".hpcenv-probe-a", ".hpcenv-seen-a", ".hpcenv-other"}) {
    fs::last_write_time(work / name, old);
  }
  sweep_probe_places(work, base::SystemClock().now());
  CHECK(*base::list_directory(work) ==
        std::vector<std::string>{".hpcenv-other", ".hpcenv-probe-b"});
  sweep_probe_places("/nowhere", 0);
  CHECK_FALSE(is_probe_folder("/home/ada"));
  CHECK_FALSE(is_probe_folder("relative/.hpcenv-probe-a"));
}

TEST_CASE("a directory is recognized by a file that only its writer knew") {
  const Shared shared;
  const auto tokens = put_tokens({shared / "work", "/nowhere"});
  REQUIRE(tokens.size() == 1);
  CHECK(sees_token(tokens[0]));
  CHECK_FALSE(sees_token({"/nowhere", tokens[0].name}));
  test::put_file(tokens[0].directory / tokens[0].name, "another");
  CHECK_FALSE(sees_token(tokens[0]));
  remove_tokens(tokens);
  CHECK(base::list_directory(shared / "work")->empty());
}

TEST_CASE("nodes of another processor need another program") {
  CHECK(program_for("")->native() == "/proc/self/exe");
  const auto other = program_for("s390x");
  REQUIRE_FALSE(other);
  CHECK(other.error().kind == ErrorKind::refused);
  CHECK(other.error().message.starts_with("the nodes are s390x, this hpcenv is for "));
  CHECK(other.error().hints.front().find("hpcenv-s390x") != std::string::npos);
}

TEST_CASE("the disk of a node, in order of trust") {
  const Shared shared;
  const std::string disk = (shared / "work").string();
  const auto found = [](const base::Environment& environment, const std::string& cluster_disk,
                        const std::vector<std::string>& visible = {}) {
    slurm::NodeSight sight;
    sight.visible = visible;
    find_local_disk(cluster_disk, environment, sight);
    return sight.local;
  };
  base::Environment environment;
  CHECK(found(environment, "") == "/tmp");
  CHECK(found(environment, "/nowhere") == "/tmp");
  CHECK(found(environment, disk) == disk);
  environment.set("TMPDIR", "/tmp");
  CHECK(found(environment, disk) == disk);
  environment.set("TMPDIR", disk);
  CHECK(found(environment, "") == "$TMPDIR");
  environment.set("SLURM_TMPDIR", disk);
  CHECK(found(environment, "") == "$SLURM_TMPDIR");
  // A variable that names what the login host sees too is no disk of the node.
  CHECK(found(environment, "", {disk}) == "/tmp");
}

}  // namespace hpcenv::ops
