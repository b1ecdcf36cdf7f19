// H04, H05 and H07 of the group host: what a process may use, and where it runs.
#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"

namespace hpcenv::doctor {

namespace {

using Amount = std::optional<std::uint64_t>;

constexpr std::uint64_t kibibyte = 1024;
constexpr std::uint64_t mebibyte = kibibyte * kibibyte;
constexpr std::uint64_t gibibyte = kibibyte * mebibyte;

/// One limit, and how much of it programs with GPUs and many threads want; all units of the shell's
/// `ulimit`.
struct Wish {
  const char* name;  ///< "open files"
  char option;       ///< of ulimit
  std::uint64_t unit;
  Amount wanted;  ///< nullopt: no limit
  const char* why;
};

struct Verdict {
  std::vector<std::string> problems;
  std::vector<std::string> evidence;
  std::vector<std::string> raise;  ///< what this user can
  std::vector<std::string> ask;    ///< what only the administrators can
};

bool is_less(const Amount& amount, const Amount& wanted) {
  if (!amount) return false;
  return !wanted || *amount < *wanted;
}

std::string amount_text(const Amount& amount, const Wish& wish) {
  if (!amount) return "unlimited";
  return wish.unit == 1 ? std::to_string(*amount) : base::human_bytes(*amount);
}

std::string option_text(const Amount& amount, const Wish& wish) {
  return fmt::format("-{} {}", wish.option,
                     amount ? std::to_string(*amount / wish.unit) : "unlimited");
}

void weigh(const std::optional<host::Limit>& limit, const Wish& wish, Verdict& verdict) {
  if (!limit) return;
  verdict.evidence.push_back(fmt::format("{}: {} (at most {})", wish.name,
                                         amount_text(limit->soft, wish),
                                         amount_text(limit->hard, wish)));
  if (!is_less(limit->soft, wish.wanted)) return;
  verdict.problems.push_back(
      fmt::format("{} {} ({})", amount_text(limit->soft, wish), wish.name, wish.why));
  if (is_less(limit->hard, wish.wanted)) {
    verdict.ask.push_back(fmt::format("{} {}", amount_text(wish.wanted, wish), wish.name));
  }
  const Amount reachable = is_less(limit->hard, wish.wanted) ? limit->hard : wish.wanted;
  if (is_less(limit->soft, reachable)) verdict.raise.push_back(option_text(reachable, wish));
}

Remedy raise_limits(const Subject& subject, const Verdict& verdict) {
  std::string text;
  std::vector<std::string> commands;
  if (!verdict.raise.empty()) {
    text = "Raise them in the shell or job script, before the program.";
    commands.push_back("ulimit " + base::join(verdict.raise, " "));
  }
  if (!verdict.ask.empty()) {
    const bool in_job = !variable(subject, "SLURM_JOB_ID").empty();
    text += fmt::format("{}Ask the administrators to allow {} in {}.", text.empty() ? "" : " ",
                        base::join(verdict.ask, ", "),
                        in_job ? "jobs (limits of slurmd)" : "/etc/security/limits.d");
  }
  return {std::move(text), std::move(commands)};
}

/// A limit on address space hits the driver alone: it reserves as much as all memory together.
bool limits_driver(const Subject& subject) {
  return has_gpu(*subject.profile) || driver_cuda(*subject.profile).has_value();
}

}  // namespace

Finding examine_limits(const Subject& subject) {
  constexpr std::uint64_t files = 4096;
  constexpr std::uint64_t processes = 1024;
  constexpr std::uint64_t stack = 8 * mebibyte;
  const host::SystemFacts& system = subject.profile->system;
  const host::LimitFacts& limits = system.limits;
  Verdict verdict;
  weigh(limits.open_files, {"open files", 'n', 1, files, "data loaders and many ranks open more"},
        verdict);
  weigh(limits.processes,
        {"processes and threads", 'u', 1, processes, "libraries start a thread a core"}, verdict);
  weigh(limits.stack_bytes, {"of stack", 's', kibibyte, stack, "Fortran and OpenMP need more"},
        verdict);
  const Wish memory{"of locked memory", 'l', kibibyte, std::nullopt,
                    "InfiniBand, UCX and NCCL lock what they send from"};
  if (system.infiniband) weigh(limits.locked_bytes, memory, verdict);
  const Wish address{"of address space", 'v', kibibyte, std::nullopt,
                     "the GPU driver reserves as much as all memory"};
  if (limits_driver(subject)) weigh(limits.address_bytes, address, verdict);
  if (verdict.evidence.empty()) return unavailable("the limits of processes are not known");
  if (!verdict.problems.empty()) {
    const std::string text = "low limits: " + base::join(verdict.problems, ", ");
    return with_evidence(warning(text, raise_limits(subject, verdict)),
                         std::move(verdict.evidence));
  }
  if (limits.core_bytes && !limits.core_bytes->soft) {
    return with_evidence(
        info("the limits suffice; a program that crashes writes all its memory to a core file, "
             "which fills quotas (`ulimit -c 0` turns that off)"),
        std::move(verdict.evidence));
  }
  return with_evidence(pass("the limits suffice"), std::move(verdict.evidence));
}

namespace {

Remedy more_shared_memory(const std::string& container) {
  if (container == "docker" || container == "podman") {
    return {"Start the container with more shared memory.",
            {container + " run --shm-size=16g ..."}};
  }
  if (container == "kubernetes") {
    return {"Ask for a volume of medium Memory at /dev/shm in the pod's description.", {}};
  }
  return {
      "See whether files of yours are left there; what other users left, the administrators "
      "can remove.",
      {"find /dev/shm -user \"$(id -un)\" -ls"}};
}

}  // namespace

Finding examine_shared_memory(const Subject& subject) {
  constexpr std::uint64_t wanted = gibibyte;
  const host::SystemFacts& system = subject.profile->system;
  if (!system.shared_memory && !system.temporary) {
    return unavailable("the sizes of /dev/shm and /tmp are not known");
  }
  std::vector<std::string> evidence;
  const auto tell = [&](const char* path, const host::RoomFacts& room) {
    evidence.push_back(fmt::format("{}: {} free of {}", path, base::human_bytes(room.free_bytes),
                                   base::human_bytes(room.total_bytes)));
  };
  if (system.shared_memory) tell("/dev/shm", *system.shared_memory);
  if (system.temporary) tell("/tmp", *system.temporary);
  if (system.shared_memory && system.shared_memory->free_bytes < wanted) {
    return with_evidence(
        warning(fmt::format("only {} are free in /dev/shm: PyTorch's data loaders and NCCL fail "
                            "with \"bus error\" or \"no space left\"",
                            base::human_bytes(system.shared_memory->free_bytes)),
                more_shared_memory(system.container)),
        std::move(evidence));
  }
  if (system.temporary && system.temporary->total_bytes < wanted) {
    return with_evidence(
        warning(
            fmt::format("/tmp holds {} in all: compilers and downloads fill it",
                        base::human_bytes(system.temporary->total_bytes)),
            {"Send temporary files to where there is room.", {"export TMPDIR=/PATH/WITH/ROOM"}}),
        std::move(evidence));
  }
  return with_evidence(pass("there is room in /dev/shm and /tmp"), std::move(evidence));
}

Finding examine_container(const Subject& subject) {
  const std::string& container = subject.profile->system.container;
  if (container.empty()) return pass("not in a container");
  if (container == "wsl") {
    return info("inside WSL: the GPU driver is Windows', and nothing is to be installed for it");
  }
  if (container == "apptainer" || container == "singularity") {
    return info(fmt::format(
        "inside an {} container: glibc is the image's, the driver comes from outside with --nv",
        container == "apptainer" ? "Apptainer" : "(older) Singularity"));
  }
  return info(fmt::format(
      "inside a container ({}): glibc is the image's, the driver and devices come from outside",
      container));
}

}  // namespace hpcenv::doctor
