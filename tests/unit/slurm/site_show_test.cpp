#include "slurm/site_show.hpp"

#include <catch2/catch_test_macros.hpp>

#include "base/json.hpp"
#include "slurm/site_json.hpp"

namespace hpcenv::slurm {
namespace {

constexpr const char* configuration =
    "Configuration data as of 2026-11-26T22:07:11\n"
    "AccountingStorageEnforce = associations,limits\n"
    "AccountingStorageType   = accounting_storage/slurmdbd\n"
    "CliFilterPlugins        = (null)\n"
    "ClusterName             = virtual\n"
    "DefMemPerCPU            = 100\n"
    "EnforcePartLimits       = NO\n"
    "JobSubmitPlugins        = lua,require_timelimit\n"
    "MpiDefault              = none\n"
    "SelectTypeParameters    = CR_CORE_MEMORY\n"
    "SLURM_VERSION           = 22.05.8\n"
    "TmpFS                   = /local\n"
    "\nSlurmctld(primary) at login01 is UP\n";

constexpr const char* partitions =
    "PartitionName=cpu AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL AllocNodes=ALL Default=YES "
    "QoS=N/A DefaultTime=00:10:00 MaxNodes=UNLIMITED MaxTime=02:00:00 MinNodes=0 Nodes=cpu[01-02] "
    "OverSubscribe=EXCLUSIVE State=UP JobDefaults=(null) DefMemPerNode=UNLIMITED "
    "MaxMemPerNode=UNLIMITED\n"
    "PartitionName=gpu AllowGroups=physics AllowAccounts=a,b AllowQos=short Default=NO QoS=gpulim "
    "DefaultTime=NONE MaxNodes=4 MaxTime=UNLIMITED MinNodes=2 Nodes=gpu01 OverSubscribe=NO "
    "State=DOWN JobDefaults=DefCpuPerGPU=8,DefMemPerGPU=64000 DefMemPerCPU=4000 "
    "MaxMemPerNode=64000\n";

constexpr const char* nodes =
    "NodeName=cpu01 Arch=x86_64 CPUTot=4 AvailableFeatures=x86 Gres=(null) NodeAddr=10.77.0.2 "
    "NodeHostName=cpu01 OS=Linux 6.18.44 #1 SMP @0  RealMemory=8000 State=IDLE TmpDisk=64 "
    "Partitions=cpu,all \n"
    "NodeName=gpu01 Arch=aarch64 CPUTot=8 AvailableFeatures=a100,drv-535 "
    "Gres=gpu:a100:2(S:0-1) NodeAddr=gpu01-ib NodeHostName=g1 RealMemory=16000 State=MIXED+DRAIN "
    "TmpDisk=64 Partitions=gpu Reason=fan State=BROKEN [root@2026]\n";

SiteProfile site() {
  SiteProfile site;
  parse_configuration(configuration, site);
  REQUIRE(parse_partitions(partitions, nodes, site));
  return site;
}

}  // namespace

TEST_CASE("a cluster's configuration") {
  const SiteProfile it = site();
  CHECK(it.cluster == "virtual");
  CHECK(it.slurm_version == "22.05.8");
  CHECK(it.submit_plugins == std::vector<std::string>{"lua", "require_timelimit"});
  CHECK(it.client_filters.empty());
  CHECK(it.enforced == std::vector<std::string>{"associations", "limits"});
  CHECK(it.has_database);
  CHECK(it.allocates_memory);
  CHECK(it.default_memory == "100 MB per CPU");
  CHECK(it.enforce_part_limits == "NO");
  CHECK(it.mpi_default.empty());
  CHECK(it.local_disk == "/local");
}

TEST_CASE("partitions with their rules and their nodes") {
  const SiteProfile it = site();
  REQUIRE(it.partitions.size() == 2);
  const Partition& cpu = it.partitions[0];
  CHECK(cpu.is_default);
  CHECK(cpu.state == "up");
  CHECK(cpu.whole_nodes);
  CHECK(cpu.default_time == "00:10:00");
  CHECK(cpu.allow_accounts.empty());
  CHECK(cpu.nodes == std::vector<std::string>{"cpu01"});
  const Partition& gpu = it.partitions[1];
  CHECK(gpu.state == "down");
  CHECK(gpu.allow_accounts == std::vector<std::string>{"a", "b"});
  CHECK(gpu.allow_groups == std::vector<std::string>{"physics"});
  CHECK(gpu.allow_qos == std::vector<std::string>{"short"});
  CHECK(gpu.qos == "gpulim");
  CHECK(gpu.default_time.empty());
  CHECK(gpu.time_limit == "UNLIMITED");
  CHECK(gpu.min_nodes == 2);
  CHECK(gpu.max_nodes == 4);
  CHECK(gpu.default_memory == "4000 MB per CPU");
  CHECK(gpu.max_memory == "64000 MB per node");
  CHECK(gpu.job_defaults == "DefCpuPerGPU=8,DefMemPerGPU=64000");
  CHECK(gpu.gres == std::vector<std::string>{"gpu:a100:2(S:0-1)"});
}

TEST_CASE("nodes, with values that hold blanks and equals signs") {
  const SiteProfile it = site();
  const SiteNode* gpu = find_node(it, "gpu01");
  REQUIRE(gpu != nullptr);
  CHECK(gpu->arch == "aarch64");
  CHECK(gpu->host_name == "g1");
  CHECK(gpu->address == "gpu01-ib");
  CHECK(gpu->features == std::vector<std::string>{"a100", "drv-535"});
  CHECK(gpu->state == "MIXED+DRAIN");
  CHECK_FALSE(is_usable(*gpu));
  CHECK(is_usable(*find_node(it, "cpu01")));
  CHECK(find_node(it, "cpu01")->memory_mb == 8000);
  CHECK(find_node(it, "cpu01")->local_disk_mb == 64);
  CHECK(find_node(it, "cpu09") == nullptr);
}

TEST_CASE("accounts of this cluster only") {
  SiteProfile it = site();
  parse_associations("virtual|a||normal,short|normal\nother|b||normal|\nvirtual||x|y|z\nnoise\n",
                     it);
  parse_default_account("a\n", it);
  REQUIRE(it.associations.size() == 1);
  CHECK(it.associations[0].account == "a");
  CHECK(it.associations[0].qos == std::vector<std::string>{"normal", "short"});
  CHECK(it.associations[0].default_qos == "normal");
  CHECK(it.default_account == "a");
}

TEST_CASE("what is no list of partitions is refused") {
  SiteProfile it;
  CHECK(parse_partitions("", "", it));
  CHECK(parse_partitions("No partitions in the system\n", "", it));
  const auto parsed = parse_partitions("Welcome to the cluster!\n", "", it);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().kind == ErrorKind::refused);
  CHECK(parsed.error().message.find("Welcome to the cluster!") != std::string::npos);
}

TEST_CASE("a site profile comes back from its JSON") {
  SiteProfile it = site();
  it.taken_at = 1790000000;
  parse_associations("virtual|a|gpu|normal|normal\n", it);
  const base::Json json = site_to_json(it);
  CHECK(site_to_json(site_from_json(json)) == json);
  CHECK(site_from_json(json).partitions[0].whole_nodes);
  CHECK(site_from_json(base::Json("text")).partitions.empty());
  CHECK(site_from_json(base::Json{{"partitions", 3}, {"nodes", {1, "x"}}}).nodes.empty());
}

}  // namespace hpcenv::slurm
