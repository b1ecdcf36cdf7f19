#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "conda/match_spec.hpp"
#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"
#include "host/cpu.hpp"

namespace hpcenv::doctor {

namespace {

// Current libcudnn, nccl and libcublas ask for 2.28, hardly anything is still built for less than
// 2.17 (facts/cuda.md 5.3).
constexpr host::CudaVersion usual{2, 28};
constexpr host::CudaVersion oldest{2, 17};

/// Packages of the environment that this glibc does not satisfy.
std::vector<std::string> unsatisfied(const Subject& subject, const std::string& glibc) {
  std::vector<std::string> found;
  if (subject.environment == nullptr) return found;
  conda::PackageRecord record;
  record.name = "__glibc";
  record.version = glibc;
  record.build = "0";
  for (const conda::PrefixRecord& package : subject.environment->packages) {
    for (const std::string& depend : package.record.depends) {
      if (!depend.starts_with("__glibc")) continue;
      const auto spec = conda::MatchSpec::parse(depend);
      if (spec && !spec->matches(record)) {
        found.push_back(fmt::format("{} needs {}", package.record.dist_name(), depend));
      }
    }
  }
  return found;
}

/// Why no version of glibc is known: the helper that says it did not run.
Finding without_glibc(const Subject& subject) {
  const std::string& library = subject.profile->system.c_library;
  const Remedy other_system{"Use a node or a container image with glibc 2.28 or newer.", {}};
  if (library == "musl") {
    return failure(
        "this system has musl in place of glibc (Alpine?), so conda packages do not run here",
        other_system);
  }
  if (library == "glibc") {
    const auto& libraries = subject.profile->nvidia.libcuda;
    const std::string why = libraries.empty() ? "" : ": " + libraries.front().detail;
    return unavailable("glibc is there, but the helper that asks for its version did not run" +
                       why);
  }
  return failure(
      "this host starts no program that is linked with glibc (Alpine, a minimal "
      "container?), so conda packages do not run here",
      other_system);
}

Finding examine_glibc(const Subject& subject) {
  const std::string& glibc = subject.profile->glibc;
  // Two numbers compare as those of a CUDA version do.
  const auto version = host::parse_cuda_version(glibc);
  if (glibc.empty() || !version) return without_glibc(subject);
  std::vector<std::string> needing = unsatisfied(subject, glibc);
  if (!needing.empty()) {
    Finding finding = failure(
        fmt::format("glibc {} of this node is too old for {} package{} of this environment", glibc,
                    needing.size(), needing.size() == 1 ? "" : "s"),
        {"Make the environment anew for this node's glibc, or use nodes with a newer system.",
         {"CONDA_OVERRIDE_GLIBC=" + glibc + " " + recreate_command(subject, "old", {})}});
    return with_evidence(std::move(finding), std::move(needing));
  }
  if (*version < oldest) {
    return failure(
        fmt::format("glibc {} is older than anything that packages are built for", glibc),
        {"Use nodes with a newer system.", {}});
  }
  if (*version < usual) {
    return warning(fmt::format("glibc {} runs older packages only: current cuDNN, NCCL and cuBLAS "
                               "need {}",
                               glibc, usual.text()),
                   {"Use nodes with a newer system, or older versions of CUDA packages.",
                    {"hpcenv create -n NAME \"cuda-version<12.9\" ..."}});
  }
  return pass(fmt::format("glibc {} runs current packages", glibc));
}

/// "x86_64" of "linux-64"; empty for noarch and what is not known.
std::string_view machine_of(std::string_view subdir) {
  if (subdir == "linux-64") return "x86_64";
  if (subdir == "linux-aarch64") return "aarch64";
  if (subdir == "linux-ppc64le") return "ppc64le";
  return {};
}

/// Packages for another kind of machine altogether.
std::vector<std::string> foreign_packages(const Subject& subject) {
  std::vector<std::string> foreign;
  for (const conda::PrefixRecord& package : subject.environment->packages) {
    const std::string_view machine = machine_of(package.record.subdir);
    if (!machine.empty() && machine != subject.profile->machine) {
      foreign.push_back(fmt::format("{} is for {}", package.record.dist_name(), machine));
    }
  }
  return foreign;
}

/// Whether a package's `__archspec 1.* zen3` takes one of the microarchitectures.
bool takes_one_of(const std::string& depend, const std::vector<std::string>& runnable) {
  const auto spec = conda::MatchSpec::parse(depend);
  if (!spec || runnable.empty()) return true;
  conda::PackageRecord record;
  record.name = "__archspec";
  record.version = "1";
  return std::ranges::any_of(runnable, [&](const std::string& name) {
    record.build = name;
    return spec->matches(record);
  });
}

/// Why a package's code is for more than this CPU has; empty where it is not.
std::string excess_of(const conda::PackageRecord& record, const std::string& cpu,
                      const std::vector<std::string>& runnable) {
  const int level = host::x86_64_level_of(cpu);
  if (record.name == "_x86_64-microarch-level" && level > 0) {
    const std::string major(base::split(record.version, '.').front());
    if (base::parse_unsigned(major).value_or(0) > static_cast<std::uint64_t>(level)) {
      return fmt::format("{} needs x86_64_v{}", record.dist_name(), major);
    }
  }
  for (const std::string& depend : record.depends) {
    if (depend.starts_with("__archspec") && !takes_one_of(depend, runnable)) {
      return fmt::format("{} needs {}", record.dist_name(), depend);
    }
  }
  return {};
}

/// Packages whose code is for more than this CPU has: they die of SIGILL.
std::vector<std::string> too_new_for_cpu(const Subject& subject) {
  const std::string& cpu = subject.profile->cpu;
  const std::vector<std::string> runnable = host::runnable_microarchitectures(cpu);
  std::vector<std::string> found;
  for (const conda::PrefixRecord& package : subject.environment->packages) {
    std::string excess = excess_of(package.record, cpu, runnable);
    if (!excess.empty()) found.push_back(std::move(excess));
  }
  return found;
}

Finding examine_environment_cpu(const Subject& subject) {
  const host::NodeProfile& node = *subject.profile;
  if (std::vector<std::string> foreign = foreign_packages(subject); !foreign.empty()) {
    const std::size_t count = foreign.size();
    return with_evidence(
        failure(fmt::format("{} packages of this environment are for another kind of machine than "
                            "this {} node: no program of them starts",
                            count, node.machine),
                {"Make the environment anew on a node of this kind.",
                 {recreate_command(subject, node.machine, {})}}),
        shortened(std::move(foreign)));
  }
  std::vector<std::string> needing = too_new_for_cpu(subject);
  if (needing.empty()) return pass(fmt::format("{} runs what this environment holds", node.cpu));
  Finding finding = failure(
      fmt::format("the processor ({}) lacks instructions that this environment's {} uses: programs "
                  "die of \"illegal instruction\"",
                  node.cpu, base::split(needing.front(), ' ').front()),
      {"Make the environment anew for this node's processor, or use newer nodes.",
       {"CONDA_OVERRIDE_ARCHSPEC=" + node.cpu + " " + recreate_command(subject, "old", {})}});
  return with_evidence(std::move(finding), std::move(needing));
}

Finding examine_cpu(const Subject& subject) {
  const host::NodeProfile& node = *subject.profile;
  if (node.cpu.empty()) return unavailable("the processor is not known");
  if (subject.environment != nullptr) {
    Finding finding = examine_environment_cpu(subject);
    if (finding.severity != Severity::pass) return finding;
  }
  if (node.machine == "x86_64" && host::x86_64_level_of(node.cpu) == 1) {
    return warning(
        "the processor shows no more than the first x86-64 level: many current packages need the "
        "second, and all run slowly",
        {"Use other nodes; in a virtual machine, ask its administrators to pass on the host's "
         "processor model.",
         {}});
  }
  return pass(fmt::format("the processor is {}", node.cpu));
}

/// What does not matter to hpcenv itself, but to programs that users start.
std::vector<std::string> kernel_restrictions(const host::SystemFacts& system) {
  constexpr int nothing_runs = 2;
  std::vector<std::string> found;
  if (system.user_namespaces == false) {
    found.emplace_back(
        "users may not make user namespaces: containers need a setuid Apptainer or none");
  }
  if (system.memfd_noexec.value_or(0) >= nothing_runs) {
    found.emplace_back("vm.memfd_noexec=2: programs do not run from memory; hpcenv uses a file");
  }
  if (system.seccomp.value_or(0) > 0) {
    found.emplace_back("a seccomp filter refuses some system calls, as in most containers");
  }
  return found;
}

Finding examine_kernel(const Subject& subject) {
  // What every glibc, container runtime and driver of today still runs on.
  constexpr host::CudaVersion oldest_kernel{3, 10};
  const host::NodeProfile& node = *subject.profile;
  const std::size_t end = node.kernel.find_first_not_of("0123456789.");
  const std::vector<std::string_view> numbers =
      base::split(std::string_view(node.kernel).substr(0, end), '.');
  const auto version = numbers.size() < 2
                           ? std::nullopt
                           : host::parse_cuda_version(fmt::format("{}.{}", numbers[0], numbers[1]));
  if (!version) return unavailable("the kernel's version is not known");
  std::vector<std::string> restrictions = kernel_restrictions(node.system);
  if (*version < oldest_kernel) {
    return with_evidence(
        warning(fmt::format("kernel {} is older than what current drivers and packages are made "
                            "for",
                            node.kernel),
                {"Use nodes with a newer system.", {}}),
        std::move(restrictions));
  }
  if (restrictions.empty()) return pass("kernel " + node.kernel);
  const std::string text = fmt::format("kernel {}; {}", node.kernel, restrictions.front());
  return with_evidence(info(text), std::move(restrictions));
}

constexpr std::array checks = {
    Check{"H01", "glibc", "C library of the host", false, examine_glibc},
    Check{"H02", "cpu", "Processor, and what the environment asks of it", false, examine_cpu},
    Check{"H03", "kernel", "Kernel, and what it lets users do", false, examine_kernel},
    in_job("H04", "ulimit", "Limits of processes", examine_limits),
    in_job("H05", "shm", "Shared memory and /tmp", examine_shared_memory),
    in_job("H07", "container", "Container", examine_container),
};

}  // namespace

std::span<const Check> host_checks() { return checks; }

}  // namespace hpcenv::doctor
