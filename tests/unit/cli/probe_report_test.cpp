// What `hpcenv probe` prints of the machines under tests/host, and of facts that none of them has.
#include "cli/probe_report.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "base/text.hpp"
#include "cli/wrap.hpp"
#include "host/captured_reader.hpp"

namespace hpcenv::cli {
namespace {

namespace fs = std::filesystem;

std::string report_of(const host::NodeProfile& profile) {
  return probe_report(profile, Output(base::Environment{}, Output::Format::text));
}

host::NodeProfile captured(const fs::path& machine) {
  const auto reader = host::open_captured_host(machine);
  REQUIRE(reader);
  const auto runner = host::open_captured_programs(machine);
  REQUIRE(runner);
  const auto profile =
      host::probe_node(**reader, **runner, base::SystemClock(), host::ProbeDepth::automatic);
  REQUIRE(profile);
  return *profile;
}

bool has_line(const std::string& text, std::string_view line) {
  const std::vector<std::string_view> lines = base::split_lines(text);
  return std::ranges::find(lines, line) != lines.end();
}

/// Whether it says these words, wherever lines are broken.
bool says(const std::string& text, const std::string& words) {
  return base::join(wrapped(text, std::string::npos), "").find(words) != std::string::npos;
}

TEST_CASE("each captured machine is told in 80 columns, heading by heading") {
  std::size_t seen = 0;
  for (const auto& entry : fs::directory_iterator(HPCENV_SOURCE_DIR "/tests/host")) {
    if (!fs::exists(entry.path() / "host.json")) continue;
    INFO(entry.path().filename().native());
    const host::NodeProfile profile = captured(entry.path());
    const std::string text = report_of(profile);
    CAPTURE(text);
    for (const char* heading : {"NVIDIA driver", "GPUs", "System", "Slurm", "Network"}) {
      CHECK(has_line(text, heading));
    }
    CHECK(has_line(text, "Storage") == !profile.mounts.empty());
    for (const host::MountFacts& mount : profile.mounts) {
      CHECK(text.find(mount.path) != std::string::npos);
    }
    for (const host::LibcudaCandidate& library : profile.nvidia.libcuda) {
      for (const host::CudaDevice& device : library.devices) {
        CHECK(text.find(device.uuid) != std::string::npos);
      }
    }
    CHECK(text.find("s3cret") == std::string::npos);
    for (const std::string_view line : base::split_lines(text)) {
      INFO(line);
      const bool one_word = base::split_words(line).size() <= 2;
      CHECK((cells_of(line) <= 80 || one_word));
      CHECK_FALSE(line.ends_with(' '));
    }
    ++seen;
  }
  CHECK(seen >= 30);
}

host::NodeProfile bare() {
  host::NodeProfile profile;
  profile.hostname = "node1";
  profile.taken_at = 1795651200;
  profile.machine = "x86_64";
  profile.kernel = "5.14.0";
  return profile;
}

TEST_CASE("of a machine of which little is known only that is told") {
  CHECK(report_of(bare()) ==
        "node1, seen on 2026-11-26\n\n"
        "NVIDIA driver\n"
        "  kernel module  not loaded\n"
        "  libcuda        there is no driver library that programs could load\n"
        "  CUDA           none (no __cuda)\n\n"
        "GPUs\n"
        "  none here; on a login node that is as it should be\n\n"
        "System\n"
        "  kernel     5.14.0\n"
        "  glibc      none found\n"
        "  processor  x86_64\n\n"
        "Slurm\n"
        "  job  none: this is not inside a Slurm job\n\n"
        "Network\n"
        "  proxy  none\n");
}

host::MountFacts place(const char* purpose, const char* path) {
  host::MountFacts mount;
  mount.purpose = purpose;
  mount.path = path;
  mount.facts = {.magic = 0x6969, .type = "nfs", .free_bytes = 1 << 30, .total_bytes = 4L << 30};
  return mount;
}

TEST_CASE("places of which the same is known stand together") {
  host::NodeProfile profile = bare();
  profile.mounts = {place("home", "/home/ada"), place("root", "/home/ada/hpcenv"),
                    place("scratch", "/scratch")};
  profile.mounts[1].missing = true;
  profile.mounts[2].hangs = true;
  CHECK(report_of(profile).find("Storage\n"
                                "  home     /home/ada\n"
                                "  root     /home/ada/hpcenv (not there yet)\n"
                                "           nfs, over the network\n"
                                "           free: 1.0 GiB of 4.0 GiB\n"
                                "  scratch  /scratch\n"
                                "           does not answer: a file server hangs\n") !=
        std::string::npos);
}

TEST_CASE("what a place can do is told word by word") {
  host::NodeProfile profile = bare();
  profile.mounts = {place("home", "/home/ada")};
  host::MountFacts& mount = profile.mounts[0];
  const auto check_says = [&](const std::string& words) {
    const std::string text = report_of(profile);
    CAPTURE(text);
    CHECK(says(text, words));
  };
  mount.facts.no_exec = mount.facts.read_only = true;
  mount.writable = false;
  check_says("nfs, over the network, read-only, you cannot write there");
  check_says("programs do not run (noexec)");
  mount.untried = "it belongs to root";
  check_says("programs do not run (noexec); what it can do was not tried: it belongs to");
  mount.facts.no_exec = false;
  mount.facts.total_inodes = 10;
  mount.facts.free_inodes = 1;
  check_says("free: 1.0 GiB of 4.0 GiB, 1 file");
  host::Abilities all;
  all.runs_programs = all.hard_links = all.symlinks = all.reflinks = all.renames_over = true;
  all.flock = all.record_locks = all.case_sensitive = true;
  mount.abilities = all;
  check_says("programs run, hard links, reflinks, locks");
  mount.locks_stay_on_node = true;
  check_says("reflinks, locks that other nodes do not see");
  mount.locks_stay_on_node = false;
  mount.abilities->record_locks = false;
  check_says("locks of whole files only");
  mount.abilities->record_locks = true;
  mount.abilities->flock = false;
  mount.abilities->symlinks = mount.abilities->renames_over = false;
  mount.abilities->case_sensitive = false;
  check_says("no locks by flock, no symlinks,");
  check_says("no renames over files, upper and lower case are one");
  mount.quotas = {{"your quota", 1 << 20, std::nullopt},
                  {"", std::nullopt, 3},
                  {"the project's quota", {}, {}}};
  check_says("your quota leaves 1.0 MiB");
  check_says("a quota leaves 3 files");
  check_says("the project's quota leaves all of it");
}

TEST_CASE("GPUs are told with what they hold and how they are shared") {
  host::NodeProfile profile = bare();
  host::NvidiaFacts& nvidia = profile.nvidia;
  nvidia.pci_gpus = 8;
  nvidia.nvswitches = 4;
  nvidia.kernel_module = "550.54.15";
  host::LibcudaCandidate library;
  library.path = "/usr/lib64/libcuda.so.1";
  library.found_in = "ld.so.cache";
  library.file_version = "550.54.15";
  library.end = library.init_end = host::ProbeEnd::answered;
  library.version_code = library.init_code = 0;
  library.init_milliseconds = 12;
  library.cuda_version = 12040;
  host::CudaDevice device;
  device.name = "Evil\x1b[2J GPU";
  device.uuid = "GPU-1";
  device.pci_bus_id = "0000:01:00.0";
  device.capability_major = 9;
  device.memory_bytes = 80ULL << 30U;
  device.compute_mode = 3;
  library.devices = {device};
  nvidia.libcuda = {library};
  nvidia.winner = 0;
  nvidia.nvml.emplace();
  nvidia.nvml->gpus.emplace_back();
  nvidia.nvml->gpus[0].uuid = "GPU-1";
  nvidia.nvml->gpus[0].free_bytes = 1ULL << 30U;
  const std::string text = report_of(profile);
  CAPTURE(text);
  CHECK(has_line(text, "  on the PCI bus  8 GPUs, 4 NVSwitch chips"));
  CHECK(says(text, "programs get it: 550.54.15, CUDA 12.4, answered; the loader's cache"));
  CHECK_FALSE(says(text, "\x1b"));
  CHECK(says(text, "1.0 GiB free"));
  CHECK(says(text, "for one program at a time"));
  CHECK(has_line(text, "  start          1 GPU in 12 ms"));
  CHECK(has_line(text, "  lowest          compute capability 9.0 (__cuda_arch=9.0)"));
  nvidia.libcuda[0].devices[0].compute_mode = 2;
  CHECK(says(report_of(profile), "closed to programs"));
}

TEST_CASE("what the job and the network are told by") {
  host::NodeProfile profile = bare();
  for (const auto& [name, value] :
       std::initializer_list<std::pair<const char*, const char*>>{{"SLURM_JOB_ID", "7"},
                                                                  {"SLURM_GPUS_ON_NODE", "2"},
                                                                  {"SBATCH_ACCOUNT", "lab"},
                                                                  {"no_proxy", ".example"},
                                                                  {"SSL_CERT_FILE", "/ca.pem"}}) {
    profile.environment.set(name, value);
  }
  profile.system.ca_bundle = "/etc/ssl/cert.pem";
  const std::string text = report_of(profile);
  CAPTURE(text);
  CHECK(
      text.ends_with("Slurm\n"
                     "  job                 7\n"
                     "  SBATCH_ACCOUNT      lab\n"
                     "  SLURM_GPUS_ON_NODE  2\n\n"
                     "Network\n"
                     "  proxy             none\n"
                     "  no_proxy          .example\n"
                     "  SSL_CERT_FILE     /ca.pem\n"
                     "  system's CA file  /etc/ssl/cert.pem\n"));
  CHECK(has_line(text, "  none that this job was given, or that the node has"));
}

}  // namespace
}  // namespace hpcenv::cli
