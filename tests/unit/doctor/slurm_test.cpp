// Each result of the checks on Slurm.
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "doctor/finding.hpp"

namespace {

using namespace hpcenv;
using doctor::Asked;
using doctor::Finding;
using doctor::Severity;

/// A login node of a cluster that is up, with one partition of GPUs.
struct Login {
  Login() {
    slurm.ping = Asked::answered;
    slurm.ping_text = "Slurmctld(primary) at login01 is UP\n";
    slurm.version = "24.11.5";
    slurm.partitions = Asked::answered;
    slurm.site.partitions = {{"cpu", true, "up", "1:00:00", {}, {"cpu01"}},
                             {"gpu", false, "up", "1:00:00", {"gpu:a100:2(S:0-1)"}, {"gpu01"}}};
    slurm.select_type = "select/cons_tres";
    profile.hostname = "login01";
    host::MountFacts mount;
    mount.purpose = "environments";
    mount.path = mount.existing = "/home/ada/envs";
    mount.facts.type = "nfs";
    places = {mount};
  }

  void set(const char* name, const std::string& value) { profile.environment.set(name, value); }

  Finding examine(std::string_view id) const {
    doctor::Subject subject;
    subject.profile = &profile;
    if (asked) subject.slurm = slurm;
    subject.places = places;
    if (environment) subject.environment = &*environment;
    subject.targets = targets;
    subject.now = now;
    const auto checks = doctor::select_checks({{std::string(id)}, false, false});
    REQUIRE(checks);
    const auto findings = doctor::examine(subject, *checks);
    REQUIRE(findings.size() == 1);
    return findings.front();
  }

  Severity severity(std::string_view id) const { return examine(id).severity; }

  doctor::SlurmFacts slurm;
  bool asked = true;
  std::optional<prefix::PrefixState> environment;
  host::NodeProfile profile;
  std::vector<host::MountFacts> places;
  std::vector<doctor::StoredTarget> targets;
  std::int64_t now = 1'800'000'000;
};

bool says(const Finding& finding, const char* words) {
  return finding.text.find(words) != std::string::npos;
}

TEST_CASE("S01 a controller that is up, down, half down, hangs, or is none", "[slurm]") {
  Login login;
  CHECK(login.examine("S01").text == "Slurm 24.11.5 answers");
  login.slurm.ping_text = "Slurmctld(primary) at a is DOWN\nSlurmctld(backup) at b is UP\n";
  CHECK(login.severity("S01") == Severity::warning);
  login.slurm.ping = Asked::failed;
  login.slurm.ping_text = "Slurmctld(primary) at a is DOWN\n";
  const Finding down = login.examine("S01");
  CHECK(down.severity == Severity::failure);
  CHECK(says(down, "Slurmctld(primary) at a is DOWN"));
  CHECK(down.remedy->text.starts_with("Tell who administers"));
  login.slurm.ping_text = "";
  CHECK(login.severity("S01") == Severity::failure);
  login.slurm.ping = Asked::no_answer;
  CHECK(login.examine("S01").remedy->commands.at(0) == "scontrol ping");
  login.slurm.ping = Asked::not_there;
  CHECK(login.severity("S01") == Severity::info);
  login.asked = false;
  for (const char* id : {"S01", "S02", "S04"}) CHECK(login.severity(id) == Severity::unavailable);
}

TEST_CASE("P09 a build without CUDA where the cluster has GPUs", "[slurm]") {
  Login login;
  conda::PrefixRecord package;
  package.record.name = "pytorch";
  package.record.version = "2.12.0";
  package.record.build = "cpu_mkl_0";
  login.environment = {"/home/ada/envs/torch", {package}, {}};
  const Finding finding = login.examine("P09");
  CHECK(finding.severity == Severity::warning);
  CHECK(says(finding, "jobs in partition gpu, which has GPUs, would compute without them"));
  REQUIRE(finding.remedy);
  CHECK(finding.remedy->text.ends_with(
      "with `create --on gpu` an environment that asks for pytorch-gpu."));
  CHECK(finding.remedy->commands.at(0) == "hpcenv target add gpu --partition gpu");
  login.slurm.site.partitions.pop_back();
  CHECK(login.severity("P09") == Severity::info);
  login.asked = false;
  CHECK(login.severity("P09") == Severity::info);
}

TEST_CASE("S02 partitions with GPUs", "[slurm]") {
  Login login;
  const Finding finding = login.examine("S02");
  CHECK(finding.text == "GPUs are in gpu");
  CHECK(finding.evidence.at(0) == "gpu (up): 2 a100 on gpu01");
  login.slurm.select_type = "select/cons_res";
  CHECK(login.examine("S02").remedy->commands.at(0) == "sbatch --gres=gpu:1 ...");
  login.slurm.site.partitions[1].state = "down";
  const Finding down = login.examine("S02");
  CHECK(down.severity == Severity::warning);
  CHECK(says(down, "no partition with GPUs is up (gpu)"));
  login.slurm.site.partitions.pop_back();
  CHECK(login.severity("S02") == Severity::info);
  login.slurm.partitions = Asked::failed;
  login.slurm.problem = "Unable to contact slurm controller";
  CHECK(says(login.examine("S02"), "Unable to contact"));
  login.slurm.partitions = Asked::no_answer;
  CHECK(login.severity("S02") == Severity::unavailable);
  login.slurm.partitions = Asked::not_there;
  CHECK(login.severity("S02") == Severity::unavailable);
  login.slurm.ping = Asked::not_there;
  CHECK(login.severity("S02") == Severity::info);
}

host::CudaDevice device(const char* uuid) {
  host::CudaDevice made;
  made.uuid = uuid;
  made.capability_major = 8;
  return made;
}

/// In a job on a node with two GPUs, both given.
struct Job : Login {
  Job() {
    set("SLURM_JOB_ID", "7");
    set("SLURM_JOB_PARTITION", "gpu");
    set("SLURM_GPUS_ON_NODE", "2");
    set("SLURM_JOB_GPUS", "2,3");
    profile.nvidia.pci_gpus = 4;
    profile.nvidia.kernel_module = "550.54.15";
    host::LibcudaCandidate library;
    library.path = "/usr/lib64/libcuda.so.1";
    library.end = host::ProbeEnd::answered;
    library.init_code = 0;
    library.devices = {device("GPU-1111"), device("GPU-2222")};
    profile.nvidia.libcuda = {library};
    profile.nvidia.winner = 0;
  }
  host::LibcudaCandidate& library() { return profile.nvidia.libcuda[0]; }
  /// What CUDA makes of it is given too.
  Finding with(const char* visible_devices, std::optional<int> seen = std::nullopt) {
    set("CUDA_VISIBLE_DEVICES", visible_devices);
    library().visible_devices = seen;
    return examine("S03");
  }
};

std::string only_command(const Finding& finding) {
  REQUIRE(finding.remedy);
  REQUIRE(finding.remedy->commands.size() == 1);
  return finding.remedy->commands[0];
}

TEST_CASE("S03 GPUs by number, by uuid, slices of MIG", "[slurm]") {
  Job job;
  CHECK(job.with("0,1", 2).severity == Severity::pass);
  CHECK(job.with("GPU-1111,GPU-2222", 2).severity == Severity::pass);
  const Finding fewer = job.with("0", 1);
  CHECK(fewer.text == "Slurm gave job 7 2 GPUs, but programs see 1");
  CHECK(only_command(fewer) == "unset CUDA_VISIBLE_DEVICES");
  const Finding foreign = job.with("GPU-9999", 0);
  CHECK(foreign.severity == Severity::failure);
  CHECK(says(foreign, "names GPU-9999, which job 7 does not have"));
  const Finding more = job.with("0,1,2", 2);
  CHECK(more.severity == Severity::failure);
  CHECK(says(more, "names 3 GPUs, but Slurm gave job 7 2"));
  CHECK(job.with("MIG-1111,MIG-2222", 1).severity == Severity::info);
  job.library().devices = {device("MIG-3333")};
  CHECK(job.with("0,1", 1).severity == Severity::info);
}

TEST_CASE("S03 a node whose GPUs are not fenced off gets Slurm's numbers", "[slurm]") {
  Job job;
  job.library().devices.push_back(device("GPU-3333"));
  CHECK(only_command(job.with("0", 1)) == "export CUDA_VISIBLE_DEVICES=2,3");
  job.set("SLURM_STEP_GPUS", "3");
  CHECK(job.with("3", 1).severity == Severity::pass);
  CHECK(only_command(job.with("2,3", 2)) == "export CUDA_VISIBLE_DEVICES=3");
}

TEST_CASE("S03 tasks with GPUs of their own, and a driver that shows too few", "[slurm]") {
  Job job;
  job.set("SLURM_GPUS_PER_TASK", "a100:1");
  CHECK(job.with("0", 1).severity == Severity::pass);
  job.set("SLURM_GPUS_PER_TASK", "");
  job.library().devices.pop_back();
  const Finding finding = job.with("0,1", 1);
  CHECK(finding.severity == Severity::failure);
  CHECK(only_command(finding) == "echo \"$CUDA_VISIBLE_DEVICES $SLURM_JOB_GPUS\"");
  job.library().init_code.reset();  // nobody asked for devices
  CHECK(job.examine("S03").severity == Severity::pass);
}

TEST_CASE("S03 leaves a driver that does not start to D10", "[slurm]") {
  Job job;
  job.library().devices.clear();
  job.library().init_code = 802;
  const Finding finding = job.with("0,1", 0);
  CHECK(finding.severity == Severity::info);
  CHECK(finding.text ==
        "job 7 has 2 GPUs; the driver does not start, so that programs see none: D10 says why, and "
        "what to do");
  CHECK_FALSE(finding.remedy);
  CHECK(job.with("0,1,2", 0).severity == Severity::failure);  // whatever the driver does
}

TEST_CASE("S03 a job without GPUs, on a node or in a partition that has some", "[slurm]") {
  Job job;
  job.set("SLURM_GPUS_ON_NODE", "");
  job.set("SLURM_JOB_GPUS", "");
  CHECK(says(job.examine("S03"), "on a node with 4 GPUs, but was given none"));
  job.profile.nvidia.pci_gpus = 0;
  const Finding partition = job.examine("S03");
  CHECK(partition.severity == Severity::warning);
  CHECK(says(partition, "in partition gpu, which has GPUs, but was given none"));
  job.set("SLURM_JOB_PARTITION", "cpu");
  CHECK(job.severity("S03") == Severity::pass);
  job.set("SLURM_JOB_ID", "");
  CHECK(job.examine("S03").text == "not inside a Slurm job");
}

TEST_CASE("S04 variables that jobs get, and where the environment lies", "[slurm]") {
  Login login;
  CHECK(login.severity("S04") == Severity::pass);
  login.set("SBATCH_PARTITION", "cpu");
  CHECK(login.severity("S04") == Severity::info);
  login.set("SBATCH_EXPORT", "NONE");
  CHECK(login.severity("S04") == Severity::info);
  login.places[0].facts.type = "xfs";
  CHECK(only_command(login.examine("S04")) == "srun ls -d /home/ada/envs");
  login.places[0].path = "/tmp/ada/envs";
  CHECK(login.severity("S04") == Severity::failure);
  login.places[0].path = "/home/ada/envs";
  login.places[0].facts.type = "tmpfs";
  CHECK(login.severity("S04") == Severity::failure);
  for (slurm::Partition& partition : login.slurm.site.partitions) partition.nodes = {"login01"};
  CHECK(login.severity("S04") == Severity::info);  // the one node of the cluster
  login.set("SLURM_JOB_ID", "7");
  CHECK(login.severity("S04") == Severity::pass);
  login.set("SLURM_EXPORT_ENV", "NIL");
  CHECK(only_command(login.examine("S04")) == "unset SLURM_EXPORT_ENV");
  login.slurm.ping = Asked::not_there;
  CHECK(login.severity("S04") == Severity::info);
}

TEST_CASE("S05 targets that are old, or whose driver has changed", "[slurm]") {
  Login login;
  CHECK(login.severity("S05") == Severity::pass);
  constexpr std::int64_t day = 86400;
  doctor::StoredTarget target;
  target.name = "gpu";
  target.file = "/home/ada/.config/hpcenv/targets/gpu.json";
  target.oldest = login.now - 29 * day;
  login.targets = {target};
  CHECK(login.severity("S05") == Severity::pass);
  login.targets[0].oldest = login.now - 40 * day;
  login.targets[0].renew = "hpcenv target refresh gpu";
  const Finding old = login.examine("S05");
  CHECK(old.text == "target gpu was profiled 40 days ago");
  CHECK(only_command(old) == "hpcenv target refresh gpu");
  login.targets[0].oldest = login.now;
  login.targets[0].driver_then = "535.1";
  login.targets[0].driver_now = "550.1";
  CHECK(says(login.examine("S05"), "was profiled with driver 535.1, this node has 550.1 now"));
  login.targets[0].driver_now = "535.1";
  login.targets[0].oldest = 0;
  CHECK(login.examine("S05").evidence.at(0) == "gpu: nobody knows when");
  login.targets[0].problem = "no JSON";
  const Finding broken = login.examine("S05");
  CHECK(broken.severity == Severity::warning);
  CHECK(broken.evidence.at(0) == "gpu: no JSON");
  CHECK(broken.remedy->commands.at(0) == "hpcenv target remove gpu");
  login.now = 0;
  CHECK(login.severity("S05") == Severity::unavailable);
}

}  // namespace
