#include "slurm/probe_plan.hpp"

#include <catch2/catch_test_macros.hpp>

#include "slurm/site_show.hpp"
#include "slurm/waiting.hpp"

namespace hpcenv::slurm {
namespace {

std::string node(const std::string& name, const std::string& gres, const std::string& features,
                 const std::string& partitions,
                 const std::string& more = "Arch=x86_64 State=IDLE") {
  return "NodeName=" + name + " " + more + " CPUTot=8 AvailableFeatures=" + features +
         " Gres=" + gres + " NodeAddr=" + name +
         " RealMemory=16000 TmpDisk=64 Partitions=" + partitions + "\n";
}

std::string partition(const std::string& name, const std::string& more = "") {
  return "PartitionName=" + name + " AllowGroups=ALL " + more +
         " Default=NO MaxTime=01:00:00 State=UP\n";
}

SiteProfile site(const std::string& partitions, const std::string& nodes) {
  SiteProfile it;
  REQUIRE(parse_partitions(partitions, nodes, it));
  return it;
}

SiteProfile usual() {
  return site(partition("cpu") + partition("gpu") + partition("gpudev") + partition("otherdev") +
                  partition("mixed"),
              node("cpu01", "(null)", "x86", "cpu,mixed,otherdev") +
                  node("gpu01", "gpu:a100:2(S:0)", "a100,old", "gpu,gpudev,mixed") +
                  node("gpu02", "gpu:a100:2(S:1)", "a100,new", "gpu,gpudev") +
                  node("gpu03", "gpu:a100:2", "a100,new", "gpu", "Arch=x86_64 State=DOWN*"));
}

ProbeWish wish(const std::string& name) {
  ProbeWish it;
  it.request.partition = name;
  return it;
}

ErrorKind kind(const Result<ProbePlan>& plan) { return plan ? ErrorKind::bug : plan.error().kind; }
std::string message(const Result<ProbePlan>& plan) { return plan ? "" : plan.error().message; }

}  // namespace

TEST_CASE("a GPU of the type that all nodes have is asked for") {
  const auto plan = plan_probe(wish("gpu"), usual());
  REQUIRE(plan);
  CHECK(plan->request.gpus == 1);
  CHECK(plan->request.gpu_type == "a100");
  CHECK(plan->gpus_of_slurm);
  CHECK(plan->type_of_slurm);
  CHECK(plan->arch == "x86_64");
  REQUIRE(plan->kinds.size() == 2);
  CHECK(plan->kinds[0].nodes == std::vector<std::string>{"gpu01"});
  CHECK(plan->kinds[1].nodes == std::vector<std::string>{"gpu02"});
  CHECK(plan->choices.longest_seconds == 3600);
}

TEST_CASE("nodes without GPUs are looked at without one") {
  const auto cpu = plan_probe(wish("cpu"), usual());
  REQUIRE(cpu);
  CHECK(cpu->request.gpus == 0);
  CHECK(cpu->request.spelling == GpuSpelling::none);
  CHECK(cpu->notes.empty());
  const auto mixed = plan_probe(wish("mixed"), usual());
  REQUIRE(mixed);
  CHECK(mixed->request.gpus == 0);
  CHECK(mixed->notes.size() == 1);
  ProbeWish some = wish("mixed");
  some.says_gpus = true;
  some.request.gpus = 1;
  CHECK(plan_probe(some, usual())->kinds.size() == 1);
}

TEST_CASE("what can be known before is said before") {
  CHECK(kind(plan_probe(wish("gpo"), usual())) == ErrorKind::not_found);
  const auto unknown = plan_probe(wish("gpo"), usual());
  CHECK(unknown.error().hints.front() == "did you mean gpu?");

  ProbeWish many = wish("gpu");
  many.says_gpus = true;
  many.request.gpus = 4;
  CHECK(message(plan_probe(many, usual())) == "no node of partition gpu that is up has 4 GPUs");
  many.request.gpus = 1;
  many.request.gpu_type = "h100";
  CHECK(message(plan_probe(many, usual())) ==
        "no node of partition gpu that is up has 1 GPUs of type h100");
  ProbeWish feature = wish("gpu");
  feature.request.constraint = "nvme";
  CHECK(message(plan_probe(feature, usual())).find("--constraint nvme") != std::string::npos);

  ProbeWish longer = wish("gpu");
  longer.job_time = "2:00:00";
  const auto over = plan_probe(longer, usual());
  CHECK(message(over) == "2:00:00 is over the time limit of partition gpu, 01:00:00");
  CHECK(over.error().hints.front().find("--time") != std::string::npos);

  // The probe itself takes what there is.
  SiteProfile brief = usual();
  brief.partitions[1].time_limit = "00:02:00";
  CHECK(plan_probe(wish("gpu"), brief)->request.time == "00:02:00");

  const SiteProfile down = site(partition("gpu", "State=DOWN"), node("gpu01", "gpu:2", "a", "gpu"));
  CHECK(message(plan_probe(wish("gpu"), down)) == "partition gpu is down");
  const SiteProfile dead =
      site(partition("gpu"), node("gpu01", "gpu:2", "a", "gpu", "State=DOWN+DRAIN"));
  CHECK(message(plan_probe(wish("gpu"), dead)) == "no node of partition gpu is up");
  const SiteProfile wide = site(partition("gpu", "MinNodes=4"), node("gpu01", "gpu:2", "a", "gpu"));
  CHECK(message(plan_probe(wish("gpu"), wide)).find("4 nodes and more") != std::string::npos);
  const SiteProfile both =
      site(partition("gpu"), node("gpu01", "gpu:2", "a", "gpu") +
                                 node("gpu02", "gpu:2", "a", "gpu", "Arch=aarch64 State=IDLE"));
  CHECK(message(plan_probe(wish("gpu"), both)) ==
        "these nodes are of several processors: aarch64, x86_64");
}

TEST_CASE("a partition for some accounts") {
  SiteProfile it =
      site(partition("gpu", "AllowAccounts=art,physics"), node("gpu01", "gpu:2", "a", "gpu"));
  const auto none = plan_probe(wish("gpu"), it);
  CHECK(message(none) == "partition gpu takes jobs of these accounts only: art, physics");
  CHECK(none.error().hints.front().find("--account NAME") != std::string::npos);
  ProbeWish other = wish("gpu");
  other.request.account = "music";
  CHECK(kind(plan_probe(other, it)) == ErrorKind::refused);
  other.request.account = "art";
  CHECK(plan_probe(other, it));
  it.associations = {{"music", "", {}, ""}, {"physics", "", {}, ""}};
  CHECK(plan_probe(wish("gpu"), it)->request.account == "physics");
}

TEST_CASE("one job for each kind of node, or for each node") {
  const auto plan = plan_probe(wish("gpu"), usual());
  REQUIRE(plan);
  const auto kinds = requests_for_kinds(plan->request, *plan, NodesBy::name);
  REQUIRE(kinds.size() == 2);
  CHECK(kinds[0].constraint == "old");
  CHECK(kinds[1].constraint == "new");
  CHECK(kinds[0].node.empty());
  const auto nodes = requests_for_nodes(plan->request, *plan);
  REQUIRE(nodes.size() == 2);
  CHECK(nodes[1].node == "gpu02");

  const SiteProfile types = site(partition("gpu"), node("gpu01", "gpu:a100:2", "x", "gpu") +
                                                       node("gpu02", "gpu:v100:2", "x", "gpu"));
  const auto two = plan_probe(wish("gpu"), types);
  REQUIRE(two);
  CHECK(two->request.gpu_type.empty());
  CHECK(two->request.spelling == GpuSpelling::gres);
  ProbeRequest typed = two->request;
  typed.spelling = GpuSpelling::gres_type;
  const auto by_type = requests_for_kinds(typed, *two, NodesBy::constraint);
  REQUIRE(by_type.size() == 2);
  CHECK(by_type[0].gpu_type == "a100");
  CHECK(by_type[1].gpu_type == "v100");

  // The features of one are among those of the other: only a name tells them apart.
  const SiteProfile within = site(
      partition("gpu"), node("gpu01", "gpu:2", "a", "gpu") + node("gpu02", "gpu:2", "a,b", "gpu"));
  const auto plan_within = plan_probe(wish("gpu"), within);
  REQUIRE(plan_within);
  const auto named = requests_for_kinds(plan_within->request, *plan_within, NodesBy::name);
  CHECK(named[0].node == "gpu01");
  CHECK(named[1].constraint == "b");
}

TEST_CASE("constraints are joined, whatever they are") {
  CHECK(both_constraints("", "a") == "a");
  CHECK(both_constraints("a&b", "c") == "a&b&c");
  CHECK(both_constraints("a|b", "c") == "(a|b)&c");
}

TEST_CASE("a short queue counts only where it holds the same nodes") {
  const SiteProfile it = usual();
  const auto plan = plan_probe(wish("gpu"), it);
  REQUIRE(plan);
  CHECK(short_queues(it, "gpu", plan->kinds) == std::vector<std::string>{"gpudev"});
  SiteProfile narrow = it;
  narrow.partitions[2].allow_accounts = {"staff"};
  CHECK(short_queues(narrow, "gpu", plan->kinds).empty());
  SiteProfile slow = it;
  slow.partitions[2].time_limit = "1-00:00:00";
  CHECK(short_queues(slow, "gpu", plan->kinds).empty());
}

TEST_CASE("a target remembers what its probe asked for") {
  ProbeRequest request;
  request.partition = "gpu";
  request.account = "physics";
  request.constraint = "a100";
  request.gpus = 2;
  request.gpu_type = "a100";
  request.spelling = GpuSpelling::gpus_per_node;
  request.options = {"--licenses=x"};
  const Reach reach = reach_of(request, usual(), 5);
  CHECK(reach.text(ReachField::time_max) == "01:00:00");
  CHECK(reach.find(ReachField::time_max)->source == ReachSource::slurm);
  CHECK(reach.find(ReachField::partition)->source == ReachSource::user);
  CHECK(probe_options(request_of(reach)) == probe_options(request));
}

TEST_CASE("reasons that never clear") {
  for (const char* reason :
       {"PartitionTimeLimit", "PartitionConfig", "InvalidAccount", "InvalidQOS",
        "AssocGrpGRESMinutes", "BadConstraints", "JobHeldAdmin", "QOSMaxWallDurationPerJobLimit",
        "Job's_account_not_permitted_to_use_this_partition_(gpu_allows_art_not_music)"}) {
    INFO(reason);
    CHECK(never_starts(reason));
  }
  for (const char* reason : {"Priority", "Resources", "None", "BeginTime", "ReqNodeNotAvail",
                             "QOSMaxJobsPerUserLimit", "PartitionDown"}) {
    INFO(reason);
    CHECK_FALSE(never_starts(reason));
  }
  CHECK(start_time("JobId=3 StartTime=2026-11-26T01:02:03 EndTime=x") == "2026-11-26T01:02:03");
  CHECK(start_time("JobId=3 StartTime=Unknown EndTime=x").empty());
  CHECK(start_time("").empty());
}

}  // namespace hpcenv::slurm
