// Looking at places for files: this machine's, with real files and programs, and captured ones.
#include "host/storage.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "base/beside.hpp"
#include "base/json.hpp"
#include "host/captured_reader.hpp"
#include "host/proxy.hpp"
#include "host/quota.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::host {
namespace {

using test::TemporaryDirectory;

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  return base::list_directory(folder).value_or(std::vector<std::string>{});
}

TEST_CASE("what a directory can do is tried with files, and none is left", "[storage]") {
  const TemporaryDirectory place;
  const auto tried = try_abilities(place.path());
  REQUIRE(tried);
  CHECK(tried->runs_programs);
  CHECK(tried->symlinks);
  CHECK(tried->renames_over);
  CHECK(tried->record_locks);
  CHECK(tried->case_sensitive);
  CHECK(names_in(place.path()).empty());
  CHECK_FALSE(try_abilities(place.path() / "not/there"));
}

TEST_CASE("a look at places tells what is there, and whose it is", "[storage]") {
  const TemporaryDirectory place;
  const std::string path = place.path();
  REQUIRE(symlink(path.c_str(), (path + "/link").c_str()) == 0);
  const auto places =
      look_at_places({path, path + "/not/there", path + "/link", "/proc"}, Trial::yes);
  REQUIRE(places.size() == 4);
  REQUIRE((places[0] && places[1] && places[2] && places[3]));
  CHECK(places[0]->writable == true);
  CHECK(places[0]->permissions->owner == "you");
  CHECK(places[0]->permissions->mode == 0700);
  CHECK(places[0]->abilities.has_value());
  CHECK_FALSE(places[0]->missing);
  CHECK(places[1]->missing);
  CHECK(places[1]->existing == places[0]->existing);
  CHECK(places[1]->abilities.has_value());  // of the same file system
  CHECK_FALSE(places[2]->missing);
  CHECK(places[2]->existing == places[0]->existing);
  CHECK_FALSE(places[3]->abilities);
  CHECK_FALSE(places[3]->untried.empty());
  CHECK(names_in(path) == std::vector<std::string>{"link"});
}

TEST_CASE("nothing is tried in a directory of another user, or that cannot be written",
          "[storage]") {
  if (geteuid() != 0) SKIP("no right to act as another user");
  const TemporaryDirectory place;
  const std::filesystem::path foreign = place.path() / "foreign";
  REQUIRE(base::make_directories(foreign));
  REQUIRE(chown(foreign.c_str(), 12345, 12345) == 0);
  struct stat before{};
  REQUIRE(stat(foreign.c_str(), &before) == 0);
  const auto places = look_at_places({foreign.native()}, Trial::yes);
  REQUIRE(places[0]);
  CHECK_FALSE(places[0]->abilities);
  CHECK(places[0]->untried == "it belongs to another user");
  struct stat after{};
  REQUIRE(stat(foreign.c_str(), &after) == 0);
  CHECK(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
  // Such as /tmp is: everybody's.
  REQUIRE(chmod(foreign.c_str(), 01777) == 0);
  CHECK(look_at_places({foreign.native()}, Trial::yes)[0]->abilities.has_value());
  CHECK(names_in(foreign).empty());
}

TEST_CASE("facts of a place go through JSON unchanged, those of an older hpcenv are read",
          "[storage]") {
  MountFacts mount;
  mount.purpose = "home";
  mount.path = "/home/ada";
  mount.existing = "/nas/ada";
  mount.facts.type = "nfs";
  mount.facts.no_exec = true;
  mount.mount_point = "/home";
  mount.device = 77;
  mount.group = 1001;
  mount.writable = false;
  mount.missing = true;
  mount.locks_stay_on_node = true;
  mount.permissions = {02775, "root", true};
  mount.abilities = Abilities{true, false, true, false, true, false, true, false};
  mount.untried = "x";
  mount.quotas = {{"your quota", 1, std::nullopt}, {"your group's quota", std::nullopt, 2}};
  const base::Json written = mount_to_json(mount);
  CHECK(mount_to_json(mount_from_json(written)).dump() == written.dump());
  MountFacts hanging;
  hanging.path = "/home/ada";
  hanging.hangs = true;
  CHECK(mount_from_json(mount_to_json(hanging)).hangs);
  const MountFacts old = mount_from_json(*base::parse_json(
      R"({"purpose": "home", "path": "/h", "type": "nfs", "free_bytes": 5})", "old"));
  CHECK(old.facts.free_bytes == 5);
  CHECK(old.existing == "/h");
  CHECK_FALSE((old.abilities || old.permissions || old.writable || old.device));
  const MountFacts odd = mount_from_json(*base::parse_json(
      R"({"abilities": 3, "permissions": {"mode": "99"}, "quotas": [7], "writable": "x"})", "odd"));
  CHECK_FALSE((odd.abilities || odd.writable));
  CHECK(odd.quotas.empty());
}

TEST_CASE("kinds of file systems", "[storage]") {
  const auto kind = [](const char* type) {
    base::FileSystemFacts facts;
    facts.type = type;
    return storage_of(facts);
  };
  CHECK(kind("lustre") == Storage::network);
  CHECK(kind("xfs") == Storage::disk);
  CHECK(kind("tmpfs") == Storage::memory);
  CHECK(kind("fuse") == Storage::user_space);
  CHECK(kind("0x1") == Storage::unknown);
}

void write_program(const TemporaryDirectory& place, const char* name, const std::string& script) {
  REQUIRE(base::make_directories(place.path() / "bin"));
  REQUIRE(base::write_file(place.path() / "bin" / name, "#!/bin/sh\n" + script, 0755));
}

TEST_CASE("programs that tell quotas run beside each other", "[storage]") {
  const TemporaryDirectory place;
  // The first three questions wait for each other: one after the other none would be answered.
  write_program(place, "lfs",
                "cd '" + place.path().string() +
                    "'\ncase \"$*\" in\n"
                    "*-u*) touch u;; *-g*) touch g;; project*) touch p;; esac\n"
                    "until [ -e u ] && [ -e g ] && [ -e p ]; do sleep 0.01; done\n"
                    "case \"$*\" in\n"
                    "'project -d /lustre/ada') echo ' 7 P /lustre/ada';;\n"
                    "'quota -q -p 7 /lustre/ada') echo '/lustre/ada 0 0 2 - 0 0 9 -';;\n"
                    "*-u*) echo '/lustre/ada 0 0 3 - 0 0 0 -';; esac\n");
  write_program(place, "quota", "echo 'b 0 0 4 0 0 0 0 0'\n");
  base::Environment environment;
  environment.set("PATH", (place.path() / "bin").string() + ":/usr/bin:/bin");
  MountFacts lustre;
  lustre.existing = "/lustre/ada";
  lustre.group = 5;
  MountFacts home;
  home.existing = "/home/ada";
  std::vector<MountFacts> places{lustre, home};
  const auto runner = base::make_process_runner();
  ask_quotas(places, "a /lustre lustre rw 0 0\nb /home nfs rw 0 0\n", environment, *runner);
  REQUIRE(places[0].quotas.size() == 2);
  CHECK(places[0].quotas[0].whose == "your quota");
  CHECK(places[0].quotas[0].free_bytes == 3U * 1024);
  CHECK(places[0].quotas[1].whose == "the project's quota");
  REQUIRE(places[1].quotas.size() == 1);
  CHECK(places[1].quotas[0].free_bytes == 4U * 1024);
}

TEST_CASE("run_beside keeps the order and tells what cannot be started", "[storage]") {
  const auto runner = base::make_process_runner();
  base::ProcessRequest echo;
  echo.argv = {"/bin/sh", "-c", "echo first"};
  base::ProcessRequest none;
  none.argv = {"/not/there"};
  const auto results = base::run_beside(*runner, {echo, none});
  REQUIRE(results.size() == 2);
  REQUIRE(results[0]);
  CHECK(results[0]->output == "first\n");
  REQUIRE_FALSE(results[1]);
  CHECK(results[1].error().kind == ErrorKind::not_found);
  CHECK(base::run_beside(*runner, {}).empty());
}

TEST_CASE("a captured machine answers for its programs, and for nothing else", "[storage]") {
  const TemporaryDirectory place;
  REQUIRE(base::write_file(place.path() / "host.json",
                           R"({"hostname": "n", "kernel": "4", "machine": "x86_64", "programs": [
          {"argv": ["lfs", "*", "/x"], "code": 1, "output": "out", "errors": "err"},
          {"argv": ["slow"], "end": "timed_out"}, {"argv": ["dead"], "end": "signalled"}, 5]})"));
  const auto runner = open_captured_programs(place.path());
  REQUIRE(runner);
  base::ProcessRequest request;
  request.argv = {"lfs", "anything", "/x"};
  const auto answer = (*runner)->run(request);
  REQUIRE(answer);
  CHECK((answer->code == 1 && answer->output == "out" && answer->errors == "err"));
  request.argv = {"slow"};
  CHECK((*runner)->run(request)->end == base::ProcessResult::End::timed_out);
  request.argv = {"dead"};
  CHECK((*runner)->run(request)->end == base::ProcessResult::End::signalled);
  request.argv = {"/bin/true"};
  const auto unasked = (*runner)->run(request);
  REQUIRE_FALSE(unasked);
  CHECK(unasked.error().kind == ErrorKind::not_found);
  CHECK_FALSE(open_captured_programs(place.path() / "not/there"));
}

TEST_CASE("the job's local disk is the first that can hold files", "[storage]") {
  const TemporaryDirectory place;
  REQUIRE(base::write_file(place.path() / "host.json",
                           R"({"hostname": "n", "kernel": "4", "machine": "x86_64",
          "environment": {"HOME": "/home/a", "SLURM_TMPDIR": "/full", "PBS_JOBFS": "/noexec",
                          "SCRATCH": "/lustre", "TMPDIR": "/local"},
          "file_systems": {
            "/full": {"type": "xfs", "total_inodes": 10, "free_inodes": 0},
            "/noexec": {"type": "xfs", "no_exec": true},
            "/lustre": {"type": "lustre"}, "/local": {"type": "xfs"}, "/tmp": {"type": "xfs"}}})"));
  const auto reader = open_captured_host(place.path());
  const auto runner = open_captured_programs(place.path());
  REQUIRE((reader && runner));
  const auto mounts = node_storage(**reader, **runner);
  REQUIRE(mounts.size() == 3);
  CHECK(mounts[0].purpose == "scratch");
  CHECK(mounts[1].purpose == "temporary files");
  CHECK(mounts[2].purpose == "job's local disk");
  CHECK(mounts[2].path == "/local");
}

TEST_CASE("names and passwords of proxies are masked", "[storage]") {
  CHECK(masked_proxy("http://ada:s3cret@proxy:3128") == "http://***@proxy:3128");
  CHECK(masked_proxy("ada:s3/c@r@proxy:3128") == "***@proxy:3128");
  CHECK(masked_proxy("http://proxy:3128") == "http://proxy:3128");
  CHECK(masked_proxy("").empty());
  CHECK(is_proxy_variable("HTTPS_PROXY"));
  CHECK_FALSE(is_proxy_variable("NO_PROXY"));
}

}  // namespace
}  // namespace hpcenv::host
