// Limits, kernel settings and containers, as files of a captured machine show them.
#include <catch2/catch_test_macros.hpp>

#include "base/json.hpp"
#include "host/captured_reader.hpp"
#include "host/cpu.hpp"
#include "host/system.hpp"
#include "unit/host/stand_in.hpp"

namespace {

using namespace hpcenv;
using host::SystemFacts;

/// A captured machine of a few files.
class Machine {
 public:
  Machine() { host_ = {{"hostname", "node"}, {"kernel", "6.1.0"}, {"machine", "x86_64"}}; }

  void file(const std::string& path, const std::string& text) {
    const base::fs::path file = folder_.path() / ("root" + path);
    REQUIRE(base::make_directories(file.parent_path()));
    REQUIRE(base::write_file(file, text));
  }
  void variable(const char* name, const char* value) { host_["environment"][name] = value; }
  void host_fact(const char* name, base::Json value) { host_[name] = std::move(value); }

  SystemFacts facts() const {
    REQUIRE(base::write_file(folder_.path() / "host.json", base::dump_json_line(host_)));
    const auto reader = host::open_captured_host(folder_.path());
    REQUIRE(reader);
    return host::read_system(**reader);
  }

 private:
  tests::TemporaryDirectory folder_;
  base::Json host_;
};

TEST_CASE("limits of /proc/self/limits: numbers, unlimited, nonsense", "[system]") {
  const host::LimitFacts limits = host::parse_limits(
      "Limit                     Soft Limit           Hard Limit           Units     \n"
      "Max stack size            8388608              unlimited            bytes     \n"
      "Max open files            1024                 262144               files     \n"
      "Max locked memory         unlimited            unlimited            bytes     \n"
      "Max core file size        -5                   lots                 bytes     \n"
      "Max address space         99999999999999999999999  1                bytes     \n"
      "Max processes");
  REQUIRE(limits.stack_bytes);
  CHECK(limits.stack_bytes->soft == 8388608U);
  CHECK_FALSE(limits.stack_bytes->hard);
  REQUIRE(limits.open_files);
  CHECK(limits.open_files->hard == 262144U);
  REQUIRE(limits.locked_bytes);
  CHECK_FALSE(limits.locked_bytes->soft);
  CHECK_FALSE(limits.core_bytes);
  CHECK_FALSE(limits.address_bytes);
  CHECK_FALSE(limits.processes);
}

TEST_CASE("a machine that shows nothing is not known, and harms nobody", "[system]") {
  const SystemFacts facts = Machine().facts();
  CHECK_FALSE(facts.limits.open_files);
  CHECK_FALSE(facts.shared_memory);
  CHECK_FALSE(facts.user_namespaces);
  CHECK_FALSE(facts.memfd_noexec);
  CHECK_FALSE(facts.seccomp);
  CHECK(facts.c_library.empty());
  CHECK(facts.container.empty());
}

TEST_CASE("user namespaces by each of the three switches", "[system]") {
  Machine machine;
  machine.file("/proc/sys/user/max_user_namespaces", "0\n");
  CHECK(machine.facts().user_namespaces == false);
  machine.file("/proc/sys/user/max_user_namespaces", "31000\n");
  CHECK(machine.facts().user_namespaces == true);
  machine.file("/proc/sys/kernel/unprivileged_userns_clone", "0\n");
  CHECK(machine.facts().user_namespaces == false);
  machine.file("/proc/sys/kernel/unprivileged_userns_clone", "1\n");
  machine.file("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n");
  CHECK(machine.facts().user_namespaces == false);
}

TEST_CASE("memfd, seccomp and InfiniBand; absurd numbers are not known", "[system]") {
  Machine machine;
  machine.file("/proc/sys/vm/memfd_noexec", "2\n");
  machine.file("/proc/self/status", "Name:\thpcenv\nSeccomp:\t2\nSeccomp_filters:\t1\n");
  machine.file("/sys/class/infiniband/mlx5_0/node_desc", "HCA\n");
  const SystemFacts facts = machine.facts();
  CHECK(facts.memfd_noexec == 2);
  CHECK(facts.seccomp == 2);
  CHECK(facts.infiniband);
  machine.file("/proc/sys/vm/memfd_noexec", "-1\n");
  machine.file("/proc/self/status", "Seccomp:\t99999999999\n");
  CHECK_FALSE(machine.facts().memfd_noexec);
  CHECK_FALSE(machine.facts().seccomp);
}

TEST_CASE("containers by what each leaves", "[system]") {
  const auto container_with = [](const std::string& file, const std::string& text) {
    Machine machine;
    machine.file(file, text);
    return machine.facts().container;
  };
  CHECK(container_with("/.dockerenv", "") == "docker");
  CHECK(container_with("/run/.containerenv", "engine=\"podman-5\"\n") == "podman");
  CHECK(container_with("/.singularity.d/runscript", "") == "apptainer");
  CHECK(container_with("/run/systemd/container", "systemd-nspawn\n") == "systemd-nspawn");
  CHECK(container_with("/var/run/secrets/kubernetes.io/serviceaccount/namespace", "x") ==
        "kubernetes");
  CHECK(container_with("/proc/version", "Linux version 5.15.167.4-microsoft-standard-WSL2") ==
        "wsl");
  CHECK(container_with("/proc/version", "Linux version 6.1.0").empty());
  Machine apptainer;
  apptainer.file("/.dockerenv", "");
  apptainer.variable("SINGULARITY_NAME", "image.sif");
  CHECK(apptainer.facts().container == "singularity");
  apptainer.variable("APPTAINER_NAME", "image.sif");
  CHECK(apptainer.facts().container == "apptainer");
}

TEST_CASE("the system's CA certificates, where a distribution keeps them", "[system]") {
  CHECK(Machine().facts().ca_bundle.empty());
  Machine machine;
  machine.file("/etc/ssl/cert.pem", "");
  CHECK(machine.facts().ca_bundle == "/etc/ssl/cert.pem");
  machine.file("/etc/pki/tls/certs/ca-bundle.crt", "");
  const SystemFacts facts = machine.facts();
  CHECK(facts.ca_bundle == "/etc/pki/tls/certs/ca-bundle.crt");
  CHECK(host::system_from_json(host::system_to_json(facts)).ca_bundle == facts.ca_bundle);
}

TEST_CASE("whose loader is there", "[system]") {
  Machine machine;
  machine.file("/lib/ld-musl-x86_64.so.1", "");
  CHECK(machine.facts().c_library == "musl");
  machine.file("/lib64/ld-linux-x86-64.so.2", "");
  CHECK(machine.facts().c_library == "glibc");
}

TEST_CASE("system facts go through JSON unchanged, and nonsense leaves defaults", "[system]") {
  Machine machine;
  machine.file("/proc/self/limits",
               "Max open files   1024   18446744073709551615   files\n"
               "Max stack size   unlimited   unlimited   bytes\n");
  machine.file("/proc/sys/user/max_user_namespaces", "1\n");
  machine.host_fact("file_systems",
                    {{"/dev/shm", {{"type", "tmpfs"}, {"total_bytes", 64}, {"free_bytes", 3}}}});
  const SystemFacts facts = machine.facts();
  const base::Json written = host::system_to_json(facts);
  const SystemFacts read = host::system_from_json(written);
  CHECK(host::system_to_json(read).dump() == written.dump());
  REQUIRE(read.limits.open_files);
  CHECK(read.limits.open_files->hard == UINT64_MAX);
  REQUIRE(read.shared_memory);
  CHECK(read.shared_memory->free_bytes == 3);
  const auto nonsense = base::parse_json(
      R"({"limits": {"open_files": 7, "stack_bytes": {"soft": "much", "hard": 1}},
          "shared_memory": [], "user_namespaces": "yes", "memfd_noexec": {}, "container": 3})",
      "nonsense");
  REQUIRE(nonsense);
  const SystemFacts defaults = host::system_from_json(*nonsense);
  CHECK_FALSE(defaults.limits.open_files);
  CHECK_FALSE(defaults.limits.stack_bytes);
  CHECK_FALSE(defaults.shared_memory);
  CHECK_FALSE(defaults.user_namespaces);
  CHECK(defaults.container.empty());
}

TEST_CASE("levels and microarchitectures that a CPU runs", "[cpu]") {
  CHECK(host::x86_64_level_of("x86_64") == 1);
  CHECK(host::x86_64_level_of("x86_64_v2") == 2);
  CHECK(host::x86_64_level_of("zen3") == 3);
  CHECK(host::x86_64_level_of("icelake") == 4);
  CHECK(host::x86_64_level_of("neoverse_v2") == 0);
  CHECK(host::x86_64_level_of("zen99") == 0);
  CHECK(host::runnable_microarchitectures("zen2").size() == 5);
  CHECK(host::runnable_microarchitectures("zen99").empty());
}

}  // namespace
