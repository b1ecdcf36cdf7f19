// Results that no captured machine shows, one profile a case.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <memory>

#include "base/fs.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "doctor/finding.hpp"
#include "doctor/make_finding.hpp"
#include "host/reader.hpp"

namespace {

using namespace hpcenv;
using doctor::Finding;
using doctor::Severity;
namespace fs = std::filesystem;

/// A node with one A100 and driver 550, and an empty environment; a case changes what it is about.
struct Node {
  Node() {
    auto made = base::make_private_directory(fs::temp_directory_path(), "hpcenv-test-");
    REQUIRE(made);
    folder = *made;
    profile.machine = "x86_64";
    profile.kernel = "5.14.0";
    profile.glibc = "2.34";
    profile.nvidia.pci_gpus = 1;
    profile.nvidia.kernel_module = "550.54.15";
    library.path = "/usr/lib64/libcuda.so.1";
    library.real_path = "/usr/lib64/libcuda.so.550.54.15";
    library.found_in = "ld.so.cache";
    library.file_version = "550.54.15";
    library.end = host::ProbeEnd::answered;
    library.version_code = 0;
    library.cuda_version = 12040;
    library.init_end = host::ProbeEnd::answered;
    library.init_code = 0;
    host::CudaDevice device;
    device.uuid = "GPU-5a3c1e00-0b2d-4c61-9f0e-000000000000";
    device.capability_major = 8;
    library.devices = {device};
    environment.prefix = folder;
  }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  ~Node() { static_cast<void>(base::remove_tree(folder)); }

  void set(const char* name, const std::string& value) { profile.environment.set(name, value); }

  conda::PrefixRecord& install(const char* name, const char* version, const char* build = "0") {
    conda::PrefixRecord package;
    package.record.name = name;
    package.record.version = version;
    package.record.build = build;
    environment.packages.push_back(package);
    return environment.packages.back();
  }

  Finding examine(std::string_view id) {
    if (with_library) {
      profile.nvidia.libcuda = {library};
      profile.nvidia.winner = 0;
    }
    doctor::Subject subject;
    subject.profile = &profile;
    subject.reader = reader.get();
    subject.environment = &environment;
    subject.environment_name = "env";
    subject.activation_scripts = scripts;
    for (const Finding& finding : doctor::examine(subject, doctor::all_checks())) {
      if (finding.id == id) return finding;
    }
    FAIL("no finding " << id);
    return {};
  }

  fs::path folder;
  host::NodeProfile profile;
  host::LibcudaCandidate library;
  bool with_library = true;
  prefix::PrefixState environment;
  std::optional<std::vector<doctor::ActivationScript>> scripts;
  std::unique_ptr<host::HostReader> reader = host::make_linux_reader({});
};

std::string only_command(const Finding& finding) {
  REQUIRE(finding.remedy);
  REQUIRE(finding.remedy->commands.size() == 1);
  return finding.remedy->commands[0];
}

TEST_CASE("D02 no module, nouveau, Windows", "[driver]") {
  Node node;
  node.profile.nvidia.kernel_module.clear();
  CHECK(node.examine("D02").severity == Severity::failure);
  node.profile.nvidia.nouveau = true;
  CHECK(node.examine("D02").text.find("nouveau") != std::string::npos);
  node.profile.nvidia.wsl = true;
  CHECK(node.examine("D02").severity == Severity::info);
  CHECK(node.examine("D01").severity == Severity::pass);
}

TEST_CASE("D04 stubs in LD_LIBRARY_PATH that nothing loads yet, and in LD_PRELOAD", "[driver]") {
  Node node;
  node.set("LD_LIBRARY_PATH", "/opt/cuda/lib64/stubs:/opt/a b");
  const Finding finding = node.examine("D04");
  CHECK(finding.severity == Severity::warning);
  CHECK(only_command(finding) == "export LD_LIBRARY_PATH=\"/opt/a b\"");
  node.set("LD_LIBRARY_PATH", "");
  node.set("LD_PRELOAD", "/opt/cuda/lib64/stubs/libcuda.so");
  CHECK(only_command(node.examine("D04")) == "unset LD_PRELOAD");
  node.set("LD_PRELOAD", "");
  node.library.is_stub = true;
  const Finding installed = node.examine("D04");
  CHECK(installed.severity == Severity::failure);
  CHECK(installed.remedy->text.find("Tell who administers") == 0);
}

TEST_CASE("D06 leaves forward-compatibility libraries to D07", "[driver]") {
  Node node;
  node.library.path = "/opt/cuda/compat/libcuda.so.1";
  node.library.file_version = "535.54.03";
  CHECK(node.examine("D06").severity == Severity::pass);
  node.library.file_version.clear();
  CHECK(node.examine("D06").severity == Severity::unavailable);
}

/// A forward-compatibility library in front of driver 550's A100.
struct CompatNode : Node {
  explicit CompatNode(const char* version, const char* device = "NVIDIA A100-SXM4-80GB") {
    library.path = "/opt/cuda/compat/libcuda.so.1";
    library.real_path = std::string("/opt/cuda/compat/libcuda.so.") + version;
    library.found_in = "LD_LIBRARY_PATH";
    library.file_version = version;
    library.cuda_version.reset();
    library.devices.front().name = device;
    set("LD_LIBRARY_PATH", "/opt/cuda/compat:/opt/mine");
  }
};

TEST_CASE("D07 a forward-compatibility library that may be there", "[driver]") {
  CHECK(Node().examine("D07").severity == Severity::pass);
  const Finding allowed = CompatNode("580.65.06").examine("D07");
  CHECK(allowed.severity == Severity::pass);
  CHECK(allowed.text == "cuda-compat 580.65.06 (CUDA 13.0) works on driver 550.54.15 (CUDA 12.4)");
  CHECK(allowed.evidence.at(0).find("found in LD_LIBRARY_PATH") != std::string::npos);
  CHECK(CompatNode("550.163.01").examine("D07").severity == Severity::info);
  const Finding doubtful = CompatNode("580.65.06", "NVIDIA RTX A6000").examine("D07");
  CHECK(doubtful.severity == Severity::info);
  CHECK(doubtful.text.find("such as NVIDIA RTX A6000 only some may use it") != std::string::npos);
}

TEST_CASE("D07 a forward-compatibility library that breaks CUDA", "[driver]") {
  const Finding old = CompatNode("535.54.03").examine("D07");
  CHECK(old.severity == Severity::failure);
  CHECK(old.text.find("error 803") != std::string::npos);
  CHECK(only_command(old) == "export LD_LIBRARY_PATH=/opt/mine");
  const Finding device = CompatNode("580.65.06", "NVIDIA GeForce RTX 4090").examine("D07");
  CHECK(device.severity == Severity::failure);
  CHECK(device.text.find("error 804") != std::string::npos);
  CompatNode driver("590.44.01");
  driver.library.compat = host::CompatNote{"13.1", {535, 570}, {}};
  CHECK(driver.examine("D07").severity == Severity::failure);
  CHECK(driver.examine("D07").text.find("535, 570") != std::string::npos);
}

TEST_CASE("D07 what cuInit says of a forward-compatibility library counts most", "[driver]") {
  CompatNode node("580.65.06");
  node.library.devices.clear();
  node.library.init_code = 804;
  const Finding finding = node.examine("D07");
  CHECK(finding.severity == Severity::failure);
  CHECK(finding.text.find("CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE") != std::string::npos);
  node.library.init_code = 100;
  CHECK(node.examine("D07").severity == Severity::info);
}

TEST_CASE("D07 where the loader's configuration has it, the administrators are told", "[driver]") {
  CompatNode node("535.54.03");
  node.library.found_in = "ld.so.cache";
  const Finding finding = node.examine("D07");
  CHECK(finding.severity == Severity::failure);
  CHECK(finding.remedy->commands.empty());
  CHECK(finding.remedy->text.find("Tell the administrators that /opt/cuda/compat has to go") == 0);
}

TEST_CASE("D07 without a driver or a library there is nothing to judge", "[driver]") {
  CompatNode node("590.44.01");
  node.profile.nvidia.kernel_module.clear();
  CHECK(node.examine("D07").severity == Severity::unavailable);
  node.library.is_stub = true;
  CHECK(node.examine("D07").severity == Severity::unavailable);
}

TEST_CASE("D08 a library outside the loader's path, one that crashes, none", "[driver]") {
  Node node;
  node.with_library = false;
  node.profile.nvidia.libcuda = {node.library};
  CHECK(node.examine("D08").severity == Severity::info);
  node.profile.nvidia.libcuda[0].cuda_version.reset();
  node.profile.nvidia.libcuda[0].end = host::ProbeEnd::crashed;
  node.profile.nvidia.libcuda[0].detail = "it died of signal 11";
  CHECK(node.examine("D08").severity == Severity::warning);
  node.profile.nvidia.libcuda[0].file_version = "999.1";
  CHECK(node.examine("D08").severity == Severity::failure);
  node.profile.nvidia.libcuda.clear();
  CHECK(node.examine("D08").text == "no driver library answers, see D03");
  node.profile.nvidia.kernel_module.clear();
  CHECK(node.examine("D08").severity == Severity::info);
}

TEST_CASE("D10 hangs, crashes, codes with their advice", "[driver]") {
  Node node;
  node.library.init_end = host::ProbeEnd::timed_out;
  node.library.init_detail = "no answer within 20000 ms";
  CHECK(node.examine("D10").text.find("hangs") != std::string::npos);
  node.library.init_end = host::ProbeEnd::crashed;
  CHECK(node.examine("D10").text.find("crashes") != std::string::npos);
  node.library.init_end = host::ProbeEnd::answered;
  for (const int code : {2, 101, 304, 802, 803, 804, 805, 999, 12345}) {
    node.library.init_code = code;
    const Finding finding = node.examine("D10");
    CHECK(finding.severity == Severity::failure);
    CHECK_FALSE(finding.remedy->text.empty());
  }
  node.library.init_code = 100;
  node.profile.nvidia.pci_gpus = 0;
  CHECK(node.examine("D10").severity == Severity::info);
}

TEST_CASE("G02 entries: twice, unknown uuid, words, an unset job", "[devices]") {
  Node node;
  const auto with = [&](const char* value) {
    node.set("CUDA_VISIBLE_DEVICES", value);
    return node.examine("G02");
  };
  CHECK(with("0").severity == Severity::pass);
  CHECK(with("GPU-5a3c1e00").severity == Severity::pass);
  CHECK(with("MIG-5a3c1e00-0b2d").severity == Severity::pass);
  CHECK(only_command(with("0,0")) == "export CUDA_VISIBLE_DEVICES=0");
  CHECK(only_command(with("GPU-ffff")) == "unset CUDA_VISIBLE_DEVICES");
  CHECK(only_command(with("gpu0,0")) == "export CUDA_VISIBLE_DEVICES=0");
  CHECK(with("").severity == Severity::warning);
  CHECK(only_command(with("-1")) == "unset CUDA_VISIBLE_DEVICES");
  // The driver took both entries, so it shows these alone.
  node.library.visible_devices = 2;
  node.library.devices.resize(2);
  CHECK(with("2,3").severity == Severity::pass);
  CHECK(with("2,3,4").severity == Severity::failure);
}

TEST_CASE("P01 cuda-compat, other names of the toolkit, no driver", "[toolkit]") {
  Node node;
  CHECK(node.examine("P01").text == "this environment holds no CUDA toolkit");
  node.install("cudatoolkit", "11.8.0");
  CHECK(node.examine("P01").severity == Severity::pass);
  node.install("cuda-version", "13.1");
  const Finding finding = node.examine("P01");
  CHECK(finding.severity == Severity::failure);
  CHECK(only_command(finding) == "hpcenv create -n env-cuda12 cuda-version=12");
  node.install("cuda-compat", "13.1");
  CHECK(node.examine("P01").severity == Severity::info);
  node.with_library = false;
  node.profile.nvidia.libcuda.clear();
  CHECK(node.examine("P01").severity == Severity::unavailable);
}

TEST_CASE("P01 names the channels that the environment came from", "[toolkit]") {
  Node node;
  conda::PrefixRecord& package = node.install("cuda-version", "13.0");
  package.record.channel = "http://127.0.0.1:8000/test";
  package.requested_specs = {"cuda-version =13", "python 3.11.*"};
  CHECK(only_command(node.examine("P01")) ==
        "hpcenv create -n env-cuda12 -c http://127.0.0.1:8000/test --override-channels "
        "\"python 3.11.*\" cuda-version=12");
  node.environment.packages[0].record.channel = "http://127.0.0.1:8000/test/noarch";
  CHECK(only_command(node.examine("P01")).find("-c http://127.0.0.1:8000/test --override") !=
        std::string::npos);
}

TEST_CASE("P11 compilers have the name of the platform", "[toolkit]") {
  Node node;
  node.profile.machine = "aarch64";
  node.install("cuda-nvcc-tools", "12.9.86").record.constrains = {
      "gcc_impl_linux-aarch64 >=6,<15.0a0"};
  node.install("gcc_impl_linux-aarch64", "15.1.0");
  const Finding finding = node.examine("P11");
  CHECK(finding.severity == Severity::warning);
  CHECK(only_command(finding).find("\"gxx_linux-aarch64 >=6,<15.0a0\"") != std::string::npos);
  node.environment.packages.back().record.version = "14.2.0";
  CHECK(node.examine("P11").severity == Severity::pass);
}

TEST_CASE("what is judged before it is installed has no files of pip's", "[toolkit]") {
  Node node;
  const fs::path here = fs::current_path();
  const fs::path pip = node.folder / "lib/python3.11/site-packages";
  fs::create_directories(pip / "nvidia_cudnn_cu12-9.20.0.dist-info");
  node.install("python", "3.11.9");
  node.library.devices[0].capability_major = 7;
  CHECK(node.examine("P05").severity == Severity::failure);
  fs::current_path(node.folder);
  node.environment.prefix.clear();
  const Finding finding = node.examine("P05");
  fs::current_path(here);
  CHECK(finding.severity == Severity::pass);
}

TEST_CASE("P03 newer minors warn, and tell whom it hits", "[toolkit]") {
  Node node;
  node.install("cuda-version", "12.9");
  CHECK(node.examine("P03").text.find("programs that hand PTX") != std::string::npos);
  node.install("openmm", "8.1");
  CHECK(node.examine("P03").text.find("openmm 8.1") != std::string::npos);
  node.environment.packages[0].record.version = "12.4";
  CHECK(node.examine("P03").severity == Severity::pass);
}

template <class T>
void append(std::string& text, T value) {
  text.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// One entry: kind 1 PTX, 2 machine code.
std::string fat_binary(std::uint16_t kind, std::uint32_t capability) {
  std::string text;
  append<std::uint32_t>(text, 0xBA55ED50);
  append<std::uint32_t>(text, 0x00100001);
  append<std::uint64_t>(text, 64);
  append<std::uint16_t>(text, kind);
  append<std::uint16_t>(text, 1);
  append<std::uint32_t>(text, 64);
  text.resize(16 + 28);
  append<std::uint32_t>(text, capability);
  text.resize(16 + 64);
  return text;
}

void add_library(Node& node, const std::string& name, std::uint16_t kind,
                 std::uint32_t capability) {
  REQUIRE(base::write_file(node.folder / "code.bin", fat_binary(kind, capability)));
  REQUIRE(base::write_file(
      node.folder / "code.S",
      ".section .nv_fatbin,\"a\"\n.incbin \"" + (node.folder / "code.bin").native() + "\"\n"));
  base::ProcessRequest request;
  request.argv = {"gcc",
                  "-shared",
                  "-nostdlib",
                  "-o",
                  (node.folder / name).native(),
                  (node.folder / "code.S").native()};
  request.environment.set("PATH", "/usr/local/bin:/usr/bin:/bin");
  const auto built = base::make_process_runner()->run(request);
  REQUIRE((built && built->succeeded()));
  conda::InstalledPath path;
  path.path = name;
  path.path_type = "hardlink";
  node.install("libcublas", "13.1", "h_0").paths = {path};
}

TEST_CASE("P04 code for this GPU, only PTX, none, and files that cannot be read", "[toolkit]") {
  {
    Node node;
    add_library(node, "libcublas.so.13", 2, 80);
    CHECK(node.examine("P04").severity == Severity::pass);
    CHECK(node.examine("P04").text == "all CUDA libraries have code for the GPU of this node");
  }
  {
    Node node;
    add_library(node, "libcublas.so.13", 1, 75);
    CHECK(node.examine("P04").severity == Severity::warning);
  }
  {
    Node node;
    add_library(node, "libcublas.so.13", 2, 90);
    const Finding finding = node.examine("P04");
    CHECK(finding.severity == Severity::failure);
    CHECK(finding.evidence.at(0) == "libcublas.so.13 for 8.0: it has sm_90");
    CHECK(only_command(finding) == "sinfo --format=\"%P %G\"");
  }
  {
    Node node;
    add_library(node, "libcublas.so.13", 2, 75);
    node.library.devices[0].capability_major = 7;
    const Finding finding = node.examine("P04");
    CHECK(only_command(finding) == "hpcenv create -n env-cuda12 cuda-version=12");
    REQUIRE(base::remove_tree(node.folder / "libcublas.so.13"));
    CHECK(node.examine("P04").severity == Severity::unavailable);
  }
}

TEST_CASE("H01 by the age of glibc", "[host]") {
  Node node;
  const auto with = [&](const char* glibc) {
    node.profile.glibc = glibc;
    return node.examine("H01").severity;
  };
  CHECK(with("2.28") == Severity::pass);
  CHECK(with("2.17") == Severity::warning);
  CHECK(with("2.12") == Severity::failure);
  CHECK(with("") == Severity::failure);
}

TEST_CASE("H01 without a version of glibc: musl, a helper that did not start", "[host]") {
  Node node;
  node.profile.glibc.clear();
  node.profile.system.c_library = "musl";
  CHECK(node.examine("H01").text.find("musl") != std::string::npos);
  CHECK(node.examine("H01").severity == Severity::failure);
  node.profile.system.c_library = "glibc";
  node.library.detail = "the helper cannot be started: Permission denied";
  const Finding finding = node.examine("H01");
  CHECK(finding.severity == Severity::unavailable);
  CHECK(finding.text.find("Permission denied") != std::string::npos);
}

TEST_CASE("H02 what the environment asks of the processor", "[host]") {
  Node node;
  CHECK(node.examine("H02").severity == Severity::unavailable);
  node.profile.cpu = "x86_64";
  CHECK(node.examine("H02").severity == Severity::warning);
  node.profile.cpu = "x86_64_v3";
  CHECK(node.examine("H02").severity == Severity::pass);
  node.install("_x86_64-microarch-level", "3", "2_x86_64_v3");
  CHECK(node.examine("H02").severity == Severity::pass);
  conda::PrefixRecord& package = node.install("fast", "1.0");
  package.record.depends = {"__archspec 1.* ^(zen3|zen4)$"};
  const Finding finding = node.examine("H02");
  CHECK(finding.severity == Severity::failure);
  CHECK(finding.evidence ==
        std::vector<std::string>{"fast-1.0-0 needs __archspec 1.* ^(zen3|zen4)$"});
  CHECK(only_command(finding) == "CONDA_OVERRIDE_ARCHSPEC=x86_64_v3 hpcenv create -n env-old");
  node.profile.cpu = "zen4";
  CHECK(node.examine("H02").severity == Severity::pass);
  node.profile.cpu = "zen99";
  CHECK(node.examine("H02").severity == Severity::pass);
  node.environment.packages[0].record.version = "4";
  node.profile.cpu = "zen3";
  CHECK(node.examine("H02").severity == Severity::failure);
  node.environment.packages[0].record.subdir = "linux-aarch64";
  CHECK(node.examine("H02").text.find("another kind of machine") != std::string::npos);
}

TEST_CASE("H03 old kernels, and what is not allowed", "[host]") {
  Node node;
  CHECK(node.examine("H03").severity == Severity::pass);
  node.profile.system.seccomp = 2;
  CHECK(node.examine("H03").severity == Severity::info);
  node.profile.system.seccomp = 0;
  node.profile.system.user_namespaces = false;
  CHECK(node.examine("H03").text.find("setuid Apptainer") != std::string::npos);
  node.profile.kernel = "2.6.32-754.el6";
  CHECK(node.examine("H03").severity == Severity::warning);
  node.profile.kernel = "unknown";
  CHECK(node.examine("H03").severity == Severity::unavailable);
}

TEST_CASE("H04 limits that the user can raise, and those that only others can", "[host]") {
  Node node;
  CHECK(node.examine("H04").severity == Severity::unavailable);
  host::LimitFacts& limits = node.profile.system.limits;
  limits.open_files = host::Limit{1024, 524288};
  limits.stack_bytes = host::Limit{1U << 20U, std::nullopt};
  Finding finding = node.examine("H04");
  CHECK(finding.severity == Severity::warning);
  CHECK(only_command(finding) == "ulimit -n 4096 -s 8192");
  limits.open_files = host::Limit{1024, 2048};
  finding = node.examine("H04");
  CHECK(only_command(finding) == "ulimit -n 2048 -s 8192");
  CHECK(finding.remedy->text.find("Ask the administrators to allow 4096 open files in "
                                  "/etc/security/limits.d.") != std::string::npos);
  limits = {};
  limits.locked_bytes = host::Limit{65536, 65536};
  limits.core_bytes = host::Limit{0, std::nullopt};
  CHECK(node.examine("H04").severity == Severity::unavailable);
  node.profile.system.infiniband = true;
  node.set("SLURM_JOB_ID", "7");
  finding = node.examine("H04");
  CHECK(finding.remedy->commands.empty());
  CHECK(finding.remedy->text ==
        "Ask the administrators to allow unlimited of locked memory in jobs (limits of slurmd).");
  limits.locked_bytes = host::Limit{std::nullopt, std::nullopt};
  CHECK(node.examine("H04").severity == Severity::pass);
  limits.core_bytes = host::Limit{std::nullopt, std::nullopt};
  CHECK(node.examine("H04").severity == Severity::info);
  limits.address_bytes = host::Limit{1U << 30U, std::nullopt};
  CHECK(only_command(node.examine("H04")) == "ulimit -v unlimited");
}

TEST_CASE("H05 shared memory in and out of containers, and a small /tmp", "[host]") {
  Node node;
  host::SystemFacts& system = node.profile.system;
  CHECK(node.examine("H05").severity == Severity::unavailable);
  system.temporary = host::RoomFacts{64ULL << 30U, 1U << 20U};
  CHECK(node.examine("H05").severity == Severity::pass);
  system.shared_memory = host::RoomFacts{64U << 20U, 64U << 20U};
  CHECK(only_command(node.examine("H05")).starts_with("find /dev/shm"));
  system.container = "podman";
  CHECK(only_command(node.examine("H05")) == "podman run --shm-size=16g ...");
  system.container = "kubernetes";
  CHECK(node.examine("H05").remedy->text.find("medium Memory") != std::string::npos);
  system.shared_memory = host::RoomFacts{64ULL << 30U, 64ULL << 30U};
  CHECK(node.examine("H05").severity == Severity::pass);
  system.temporary->total_bytes = 512U << 20U;
  CHECK(only_command(node.examine("H05")) == "export TMPDIR=/PATH/WITH/ROOM");
}

TEST_CASE("H07 says where one is, and alarms nobody", "[host]") {
  Node node;
  CHECK(node.examine("H07").severity == Severity::pass);
  for (const char* container : {"docker", "apptainer", "singularity", "wsl", "lxc"}) {
    node.profile.system.container = container;
    CHECK(node.examine("H07").severity == Severity::info);
  }
}

TEST_CASE("P15 says what scripts are recorded, live, and never run", "[toolkit]") {
  using Entry = doctor::ActivationScript::Entry;
  Node node;
  CHECK(node.examine("P15").severity == Severity::info);
  node.scripts.emplace();
  CHECK(node.examine("P15").text == "no package has an activation script");
  node.scripts->push_back({"a.sh", Entry::recorded, ""});
  CHECK(node.examine("P15").text == "what activation scripts set is recorded, of all 1");
  node.scripts->push_back({"b.sh", Entry::live, "reads the time or the host"});
  const Finding live = node.examine("P15");
  CHECK(live.severity == Severity::info);
  CHECK(live.evidence == std::vector<std::string>{"b.sh: reads the time or the host"});
  node.scripts->push_back({"c.sh", Entry::refused, "ends the shell (exit)"});
  const Finding refused = node.examine("P15");
  CHECK(refused.severity == Severity::warning);
  CHECK(refused.text == "1 of 3 activation scripts never run: c.sh: ends the shell (exit)");
  CHECK(only_command(refused) == "hpcenv info -p " + node.folder.string() + " --activation");
}

TEST_CASE("words and lists as a shell takes them", "[finding]") {
  CHECK(doctor::shell_word("python=3.11") == "python=3.11");
  CHECK(doctor::shell_word("numpy>=2") == "\"numpy>=2\"");
  CHECK(doctor::shell_word("") == "\"\"");
  CHECK(doctor::shell_word("a$b") == "'a$b'");
  CHECK(doctor::shell_word("it's $5") == "'it'\\''s $5'");
  CHECK(doctor::drop_entries_command("X", "/a::/b:/a", {"/a"}) == "export X=/b");
  CHECK(doctor::drop_entries_command("X", "/a", {"/a"}) == "unset X");
}

}  // namespace
