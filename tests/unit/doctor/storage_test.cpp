// Each result of the checks on file systems.
#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <string>

#include "base/fs.hpp"
#include "doctor/finding.hpp"
#include "host/reader.hpp"
#include "unit/support/temporary_directory.hpp"

namespace {

using namespace hpcenv;
using doctor::Finding;
using doctor::Severity;

constexpr std::uint64_t gibibyte = 1ULL << 30U;

host::MountFacts place(const char* purpose, const char* path, const char* type = "ext4") {
  host::MountFacts mount;
  mount.purpose = purpose;
  mount.path = path;
  mount.existing = path;
  mount.facts.type = type;
  mount.facts.free_bytes = 500 * gibibyte;
  mount.facts.total_bytes = 1000 * gibibyte;
  mount.facts.free_inodes = 10'000'000;
  mount.facts.total_inodes = 20'000'000;
  mount.device = 1;
  mount.writable = true;
  mount.permissions = {0755, "you", false};
  mount.abilities = {true, true, true, true, true, true, true, true};
  return mount;
}

/// A machine with all well: a case spoils what it is about.
struct Machine {
  host::NodeProfile profile;
  prefix::PrefixState environment;
  std::vector<host::MountFacts> places{
      place("environments", "/data/ada/envs"), place("package cache", "/data/ada/pkgs"),
      place("home", "/home/ada"), place("temporary files", "/tmp")};
  std::unique_ptr<host::HostReader> reader = host::make_linux_reader({});
  bool with_environment = false;

  host::MountFacts& environments() { return places[0]; }
  host::MountFacts& cache() { return places[1]; }

  Finding examine(std::string_view id) const {
    doctor::Subject subject;
    subject.profile = &profile;
    subject.reader = reader.get();
    subject.places = places;
    if (with_environment) subject.environment = &environment;
    const auto checks = doctor::select_checks({{std::string(id)}, false, false});
    REQUIRE(checks);
    const auto findings = doctor::examine(subject, *checks);
    REQUIRE(findings.size() == 1);
    return findings.front();
  }

  Severity severity(std::string_view id) const { return examine(id).severity; }
};

bool says(const Finding& finding, const char* words) {
  return finding.text.find(words) != std::string::npos;
}

TEST_CASE("a machine where all is well", "[storage]") {
  const Machine machine;
  for (const char* id : {"F01", "F02", "F03", "F04", "F05", "F06", "F07"}) {
    INFO(id);
    CHECK(machine.severity(id) == Severity::pass);
  }
}

TEST_CASE("nothing known is no answer, and the profile counts where no place was looked at",
          "[storage]") {
  Machine machine;
  machine.places.clear();
  for (const char* id : {"F01", "F02", "F03", "F04", "F05", "F06", "F07"}) {
    INFO(id);
    CHECK(machine.severity(id) == Severity::unavailable);
  }
  host::MountFacts old;
  old.purpose = "home";
  old.path = "/home/ada";
  old.facts.type = "nfs";
  old.facts.free_bytes = 1U << 20U;
  machine.profile.mounts = {old};
  const Finding finding = machine.examine("F02");
  CHECK(finding.severity == Severity::failure);
  CHECK(says(finding, "home (/home/ada): 1.0 MiB of space free"));
  CHECK(machine.severity("F01") == Severity::info);
  CHECK(machine.severity("F03") == Severity::pass);
  CHECK(machine.severity("F05") == Severity::unavailable);
  CHECK(machine.severity("F06") == Severity::unavailable);
}

TEST_CASE("F01 kinds of file systems", "[storage]") {
  Machine machine;
  const auto with = [&](const char* type) {
    machine.environments().facts.type = type;
    return machine.examine("F01");
  };
  for (const char* type : {"xfs", "btrfs", "overlay"}) CHECK(with(type).severity == Severity::pass);
  for (const char* type : {"nfs", "lustre", "gpfs", "beegfs", "0x12345"}) {
    CHECK(with(type).severity == Severity::info);
  }
  CHECK(says(with("nfs"), "nothing is wrong with that"));
  for (const char* type : {"tmpfs", "fuse", "9p"}) {
    const Finding finding = with(type);
    CHECK(finding.severity == Severity::warning);
    REQUIRE(finding.remedy);
    CHECK(finding.remedy->commands.size() == 1);
  }
  with("ext4");
  machine.places[3].facts.type = "tmpfs";  // /tmp may be in memory
  CHECK(machine.severity("F01") == Severity::pass);
  host::MountFacts hanging;
  hanging.purpose = "home";
  hanging.path = "/home/ada";
  hanging.hangs = true;
  machine.places[2] = hanging;
  const Finding finding = machine.examine("F01");
  CHECK(finding.severity == Severity::failure);
  CHECK(says(finding, "the file server of home (/home/ada) does not answer"));
  CHECK(machine.severity("F02") == Severity::pass);
}

TEST_CASE("F02 the disk or a quota, whichever leaves less", "[storage]") {
  Machine machine;
  machine.environments().facts.free_bytes = 5 * gibibyte;
  CHECK(machine.severity("F02") == Severity::warning);
  machine.environments().facts.free_bytes = gibibyte / 2;
  CHECK(machine.severity("F02") == Severity::failure);
  machine.environments().facts.free_bytes = 500 * gibibyte;
  machine.cache().quotas = {{"your quota", std::nullopt, std::nullopt},
                            {"your group's quota", gibibyte / 4, 10}};
  const Finding full = machine.examine("F02");
  CHECK(full.severity == Severity::failure);
  CHECK(says(full, "package cache (/data/ada/pkgs): 256.0 MiB of space free (your group's quota)"));
  CHECK(full.remedy->commands.at(0).starts_with("export HPCENV_ROOT="));
  machine.cache().quotas.clear();
  machine.places[2].facts.free_bytes = 2 * gibibyte;  // home: small things only
  CHECK(machine.severity("F02") == Severity::pass);
  machine.places[2].facts.free_bytes = 0;
  CHECK(machine.severity("F02") == Severity::failure);
}

TEST_CASE("F03 files that may still be made", "[storage]") {
  Machine machine;
  machine.environments().facts.free_inodes = 50'000;
  CHECK(machine.severity("F03") == Severity::warning);
  machine.environments().facts.free_inodes = 100;
  CHECK(machine.severity("F03") == Severity::failure);
  machine.environments().facts.total_inodes = 0;
  CHECK(machine.severity("F03") == Severity::pass);
  machine.environments().quotas = {{"the project's quota", std::nullopt, 7}};
  const Finding finding = machine.examine("F03");
  CHECK(finding.severity == Severity::failure);
  CHECK(says(finding, "7 files free (the project's quota)"));
}

TEST_CASE("F04 noexec where environments lie, and for temporary files", "[storage]") {
  Machine machine;
  machine.places[3].facts.no_exec = true;
  const Finding temporary = machine.examine("F04");
  CHECK(temporary.severity == Severity::warning);
  CHECK(temporary.remedy->commands.at(0) == "mkdir -p ~/tmp && export TMPDIR=~/tmp");
  machine.environments().abilities->runs_programs = false;
  CHECK(machine.severity("F04") == Severity::failure);
  machine.environments().abilities->runs_programs = true;
  machine.places[3].facts.no_exec = false;
  machine.cache().facts.no_exec = true;  // nothing is run from there
  CHECK(machine.severity("F04") == Severity::pass);
}

TEST_CASE("F05 links between cache and environments", "[storage]") {
  Machine machine;
  machine.cache().device = 2;
  const Finding apart = machine.examine("F05");
  CHECK(apart.severity == Severity::info);
  CHECK(says(apart, "different file systems, files are copied"));
  conda::PrefixRecord package;
  package.paths.resize(1);
  package.paths[0].size = 3 * gibibyte;
  machine.environment.packages = {package};
  machine.with_environment = true;
  CHECK(says(machine.examine("F05"), "this environment takes 3.0 GiB more"));
  machine.cache().device = 1;
  machine.environments().abilities->hard_links = false;
  CHECK(machine.severity("F05") == Severity::pass);  // reflinks do it
  machine.environments().abilities->reflinks = false;
  CHECK(machine.severity("F05") == Severity::info);
  machine.environments().abilities->case_sensitive = false;
  CHECK(machine.severity("F05") == Severity::warning);
  machine.environments().abilities->renames_over = false;
  CHECK(machine.severity("F05") == Severity::failure);
  machine.environments().abilities =
      host::Abilities{true, true, false, true, true, true, true, true};
  CHECK(says(machine.examine("F05"), "holds no symbolic links"));
  for (host::MountFacts& mount : machine.places) {
    mount.abilities.reset();
    mount.untried = "it belongs to root";
  }
  const Finding untried = machine.examine("F05");
  CHECK(untried.severity == Severity::unavailable);
  CHECK(untried.evidence.at(0) == "environments (/data/ada/envs): not tried, it belongs to root");
}

TEST_CASE("F06 locks that are refused, and such that stay on the node", "[storage]") {
  Machine machine;
  machine.cache().locks_stay_on_node = true;
  CHECK(machine.severity("F06") == Severity::info);
  machine.cache().abilities->record_locks = false;
  CHECK(says(machine.examine("F06"), "cannot be locked (fcntl)"));
  machine.cache().abilities->flock = false;
  const Finding none = machine.examine("F06");
  CHECK(none.severity == Severity::warning);
  CHECK(says(none, "cannot be locked (flock and fcntl)"));
  machine.cache().abilities->record_locks = true;
  CHECK(says(machine.examine("F06"), "cannot be locked (flock)"));
}

TEST_CASE("F07 what a path may be like", "[storage]") {
  Machine machine;
  machine.with_environment = true;
  const auto with = [&](const std::string& path) {
    machine.environment.prefix = path;
    return machine.examine("F07");
  };
  CHECK(with("/data/envs/e").severity == Severity::pass);
  CHECK(with("/data/" + std::string(120, 'e')).severity == Severity::warning);
  CHECK(with("/data/" + std::string(251, 'e')).severity == Severity::failure);
  CHECK(with("/data/my envs/e").severity == Severity::warning);
  CHECK(with("/data/m\xc3\xbcller/e").severity == Severity::warning);
  const Finding colon = with("/data/a:b");
  CHECK(colon.severity == Severity::failure);
  CHECK(colon.remedy->commands.at(0) ==
        "hpcenv env export -p /data/a:b > env.yml && hpcenv create -p /SHORT/PATH/env -f env.yml");
  conda::PrefixRecord old;
  old.record.name = "old";
  old.record.version = "1.0";
  old.paths.resize(1);
  old.paths[0].placeholder = std::string(80, 'p');
  old.paths[0].file_mode = "binary";
  machine.environment.packages = {old};
  CHECK(with("/data/" + std::string(80, 'e')).severity == Severity::failure);
  CHECK(says(machine.examine("F07"), "more than fit into the programs of old 1.0"));
  machine.with_environment = false;
  CHECK(machine.severity("F07") == Severity::pass);
  machine.environments().existing = "/lustre/ada/envs";
  CHECK(machine.severity("F07") == Severity::info);
}

TEST_CASE("F08 who may write", "[storage]") {
  Machine machine;
  const Severity own = machine.severity("F08");  // depends on the umask of who runs the tests
  CHECK((own == Severity::pass || own == Severity::warning));
  machine.environments().permissions = {0777, "you", false};
  const Finding open = machine.examine("F08");
  CHECK(open.severity == Severity::warning);
  CHECK(open.remedy->commands == std::vector<std::string>{"chmod o-w /data/ada/envs"});
  machine.environments().permissions->owner = "another user";
  CHECK(machine.examine("F08").remedy->commands.empty());
  machine.environments().permissions->mode = 01777;
  machine.reader.reset();
  CHECK(machine.severity("F08") == Severity::info);
  machine.environments().missing = true;
  CHECK(machine.severity("F08") == Severity::pass);
}

TEST_CASE("a check asks only where it can run", "[storage]") {
  const auto checks = doctor::select_checks({{"storage"}, false, false});
  REQUIRE(checks);
  doctor::Subject subject;
  CHECK(doctor::anyone_asks(*checks, doctor::Asks::storage, subject));
  CHECK_FALSE(doctor::anyone_asks(*checks, doctor::Asks::network, subject));
  const auto network = doctor::select_checks({{"network"}, false, false});
  CHECK(doctor::anyone_asks(*network, doctor::Asks::network, subject));
  subject.target = "gpu";
  CHECK_FALSE(doctor::anyone_asks(*network, doctor::Asks::network, subject));
}

}  // namespace
