// How checks are chosen and run, whatever they look at.
#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <set>
#include <stdexcept>

#include "base/json.hpp"
#include "doctor/finding.hpp"
#include "doctor/make_finding.hpp"

namespace {

using namespace hpcenv;
using doctor::Check;
using doctor::Cost;
using doctor::Finding;
using doctor::Looks;
using doctor::Severity;

Finding good(const doctor::Subject& /*subject*/) { return doctor::pass("all is well"); }
Finding throwing(const doctor::Subject& /*subject*/) { throw std::runtime_error("no memory"); }
Finding dying(const doctor::Subject& /*subject*/) {
  raise(SIGBUS);
  return doctor::pass("never");
}
Finding bad(const doctor::Subject& subject) {
  Finding finding = doctor::failure("wrong on " + subject.profile->hostname, {"Do it.", {"do it"}});
  finding.evidence = {"seen"};
  return finding;
}

std::vector<std::string> ids_of(const std::vector<Finding>& findings) {
  std::vector<std::string> ids;
  ids.reserve(findings.size());
  for (const Finding& finding : findings) ids.push_back(finding.id);
  return ids;
}

std::set<std::string> chosen(const doctor::Selection& selection) {
  std::set<std::string> ids;
  const auto checks = doctor::select_checks(selection);
  REQUIRE(checks);
  for (const Check& check : *checks) ids.insert(check.id);
  return ids;
}

TEST_CASE("the table of checks: ids are there once, each in its group", "[examine]") {
  std::set<std::string> ids;
  std::set<std::string> names;
  for (const Check& check : doctor::all_checks()) {
    INFO(check.id);
    CHECK(ids.insert(check.id).second);
    CHECK(names.insert(check.name).second);
    CHECK(std::string_view(check.title).size() <= 60);
    CHECK(doctor::group_of(check.id) != nullptr);
  }
  CHECK(doctor::group_of("Z99") == nullptr);
}

TEST_CASE("checks are chosen by id, name, group and glob", "[examine]") {
  CHECK(chosen({{"d04"}, false, false}) == std::set<std::string>{"D04"});
  CHECK(chosen({{"libcuda.stub", "H01"}, false, false}) == std::set<std::string>{"D04", "H01"});
  CHECK(chosen({{"slurm"}, false, false}).contains("S03"));
  CHECK(chosen({{"P*"}, false, false}).contains("P04"));
  CHECK(chosen({}).contains("P04"));
  // What takes minutes is not asked for by a group's name.
  for (const char* words : {"toolkit", "P*"}) {
    CHECK_FALSE(chosen({{words}, false, false}).contains("P13"));
    CHECK(chosen({{words}, false, true}).contains("P13"));
  }
  for (const char* name : {"p13", "integrity"}) {
    CHECK(chosen({{name}, false, false}) == std::set<std::string>{"P13"});
  }
  CHECK_FALSE(chosen({{"slurm"}, false, true}).contains("P13"));
  const auto unknown = doctor::select_checks({{"D99"}, false, false});
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().kind == ErrorKind::usage);
  CHECK(unknown.error().message == "there is no check 'D99'");
}

TEST_CASE("a check that fails itself is a finding, and the others go on", "[examine]") {
  const std::vector<Check> checks = {
      {"X01", "x.slow", "slow", false, dying, Looks::at_profile, Cost::slow},
      {"X02", "x.throws", "throws", false, throwing},
      {"X03", "x.bad", "bad, in a process of its own", false, bad, Looks::at_profile, Cost::slow},
      {"X04", "x.good", "good", false, good},
  };
  host::NodeProfile profile;
  profile.hostname = "node1";
  doctor::Subject subject;
  subject.profile = &profile;
  subject.target = "gpu";
  const std::vector<Finding> findings = doctor::examine(subject, checks);
  REQUIRE(ids_of(findings) == std::vector<std::string>{"X01", "X02", "X03", "X04"});
  CHECK(findings[0].severity == Severity::unavailable);
  CHECK(findings[0].text == "a file was cut off while it was read");
  REQUIRE(findings[0].remedy);
  CHECK(findings[0].remedy->commands == std::vector<std::string>{"hpcenv doctor X01 --on gpu"});
  CHECK(findings[1].severity == Severity::unavailable);
  CHECK(findings[1].text == "this check failed itself: no memory");
  CHECK(findings[2].severity == Severity::failure);
  CHECK(findings[2].text == "wrong on node1");
  CHECK(findings[2].evidence == std::vector<std::string>{"seen"});
  REQUIRE(findings[2].remedy);
  CHECK(findings[2].remedy->commands == std::vector<std::string>{"do it"});
  CHECK(findings[3].severity == Severity::pass);
}

TEST_CASE("what looks at this machine is left out for a target", "[examine]") {
  const std::vector<Check> checks = {
      {"X01", "x.here", "here", false, good, Looks::here},
      {"X02", "x.there", "there", false, good},
      {"X03", "x.prefix", "needs an environment", true, good},
  };
  const host::NodeProfile profile;
  doctor::Subject subject;
  subject.profile = &profile;
  CHECK(ids_of(doctor::examine(subject, checks)) == std::vector<std::string>{"X01", "X02"});
  subject.target = "gpu";
  CHECK(ids_of(doctor::examine(subject, checks)) == std::vector<std::string>{"X02"});
}

TEST_CASE("of several nodes the worst counts, and is named", "[examine]") {
  Finding fine = doctor::pass("fine");
  Finding wrong = doctor::failure("wrong", {"Do it.", {}});
  fine.id = wrong.id = "X01";
  const auto worst = doctor::worst_of({{fine}, {wrong}, {fine}}, {"a", "b", "c"});
  REQUIRE(worst.size() == 1);
  CHECK(worst[0].text == "wrong");
  CHECK(worst[0].evidence == std::vector<std::string>{"on b"});
  CHECK(doctor::worst_of({{fine}}, {"a"})[0].evidence.empty());
}

TEST_CASE("what is found in the shell is of no node", "[examine]") {
  Finding shell = doctor::warning("PYTHONPATH is set", {"Unset it.", {"unset PYTHONPATH"}});
  shell.id = "E03";
  const auto worst = doctor::worst_of({{shell}, {shell}}, {"a", "b"});
  REQUIRE(worst.size() == 1);
  CHECK(worst[0].evidence.empty());
}

TEST_CASE("a node without GPU: the command for a job names the environment as it was named",
          "[examine]") {
  const host::NodeProfile login;
  doctor::Subject subject;
  subject.profile = &login;
  const auto command = [&] {
    const std::vector<Finding> findings = doctor::examine(subject, doctor::all_checks());
    REQUIRE(findings.front().id == "D01");
    REQUIRE(findings.front().remedy);
    return findings.front().remedy->commands.at(0);
  };
  const std::string job = "srun --partition=PARTITION --gpus=1 hpcenv doctor";
  CHECK(command() == job);
  const prefix::PrefixState environment{"/scratch/env", {}, {}};
  subject.environment = &environment;
  subject.environment_name = "torch";
  CHECK(command() == job + " -n torch");
  subject.environment_name = "/scratch/env";
  CHECK(command() == job + " -p /scratch/env");
}

}  // namespace
