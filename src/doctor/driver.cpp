// The driver as the kernel has it, and the table of the group. Its libraries and its start have
// files of their own.
#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"

namespace hpcenv::doctor {

namespace {

using host::ModuleFlavour;

Finding examine_pci(const Subject& subject) {
  const host::NvidiaFacts& nvidia = subject.profile->nvidia;
  if (nvidia.wsl) return pass("Windows shares its GPU with this Linux (/dev/dxg)");
  if (!nvidia.jetson.empty()) {
    return pass(fmt::format("the GPU is part of this board ({})", nvidia.jetson));
  }
  if (nvidia.pci_gpus == 0) {
    return info("no NVIDIA GPU is plugged into this node; a driver library is here all the same");
  }
  std::vector<std::string> evidence;
  evidence.reserve(nvidia.gpus.size());
  for (const host::GpuFacts& gpu : nvidia.gpus) {
    evidence.push_back(fmt::format("{} {}", gpu.bus, gpu.model.empty() ? gpu.pci_id : gpu.model));
  }
  return with_evidence(pass(fmt::format("{} NVIDIA GPU{} on the PCI bus", nvidia.pci_gpus,
                                        nvidia.pci_gpus == 1 ? "" : "s")),
                       std::move(evidence));
}

Finding examine_module(const Subject& subject) {
  const host::NvidiaFacts& nvidia = subject.profile->nvidia;
  if (!nvidia.kernel_module.empty()) {
    return pass(fmt::format("the kernel module nvidia {} is loaded{}", nvidia.kernel_module,
                            nvidia.open_kernel_module ? " (open flavour)" : ""));
  }
  if (nvidia.wsl) return info("Windows' driver serves this Linux; there is no kernel module here");
  if (!nvidia.jetson.empty()) return info("the driver is part of this board's own kernel");
  if (nvidia.pci_gpus == 0) return info("no kernel module nvidia, and no GPU that needs it");
  if (nvidia.nouveau) {
    return failure("the GPU is driven by nouveau, with which CUDA does not work",
                   other_node(subject, "its GPU is driven by nouveau in place of nvidia"));
  }
  return failure("there is a GPU, but the kernel module nvidia is not loaded",
                 other_node(subject, "the kernel module nvidia is not loaded there"));
}

/// Of the kernel module, or of the library that programs get where there is none.
std::string driver_version_of(const host::NodeProfile& profile) {
  if (!profile.nvidia.kernel_module.empty()) return profile.nvidia.kernel_module;
  const host::LibcudaCandidate* library = host::driver_library(profile);
  return library == nullptr ? "" : library->file_version;
}

/// 202611 at any time of November 2026.
int month_of(std::int64_t seconds) {
  constexpr int hundred = 100;
  constexpr std::int64_t last_second = 253'402'300'799;  // of the year 9999
  const std::chrono::sys_seconds time{
      std::chrono::seconds{std::clamp(seconds, std::int64_t{0}, last_second)}};
  const std::chrono::year_month_day day{std::chrono::floor<std::chrono::days>(time)};
  return static_cast<int>(day.year()) * hundred +
         static_cast<int>(static_cast<unsigned>(day.month()));
}

std::string month_text(int month) {
  constexpr int hundred = 100;
  return fmt::format("{}-{:02}", month / hundred, month % hundred);
}

/// "; it is the last one for ..." where the GPUs of the node have a last branch and this is it.
std::string last_for_gpus(const host::NodeProfile& profile, int branch) {
  for (const host::CudaDevice& device : known_devices(profile)) {
    const auto last = host::last_branch_for(device.capability_major, device.capability_minor);
    if (last == branch) return fmt::format("; it is the last one for {}", device.name);
  }
  return {};
}

Finding examine_branch(const Subject& subject) {
  const std::string version = driver_version_of(*subject.profile);
  if (version.empty()) return unavailable("no version of a driver to look up");
  const auto life = host::branch_life(version);
  if (!life && host::is_newer_than_table(version)) {
    return pass(fmt::format("driver {} is newer than what this hpcenv knows of", version));
  }
  if (!life)
    return info(fmt::format("driver {} is of a branch that hpcenv does not know", version));
  const std::string what =
      fmt::format("driver {} is of NVIDIA's {} R{}", version, life->kind, life->branch);
  const std::string last = last_for_gpus(*subject.profile, life->branch);
  const bool is_over = life->last_month < month_of(subject.profile->taken_at);
  if (!is_over) {
    return pass(fmt::format("{}, kept until {}{}", what, month_text(life->last_month), last));
  }
  const std::string since =
      life->last_month == 0 ? "any more" : "since " + month_text(life->last_month);
  return info(
      fmt::format("{}, which NVIDIA does not keep {}{}; programs do not mind, but say so "
                  "where you report a fault",
                  what, since, last));
}

/// A GPU that wants the other flavour of the module, by what is known of it.
struct Unserved {
  std::string gpu;
  ModuleFlavour needs = ModuleFlavour::either;
};

std::optional<Unserved> unserved(const host::NodeProfile& profile) {
  const ModuleFlavour loaded =
      profile.nvidia.open_kernel_module ? ModuleFlavour::open : ModuleFlavour::proprietary;
  const auto wrong = [&](ModuleFlavour needs) {
    return needs != ModuleFlavour::either && needs != loaded;
  };
  for (const host::CudaDevice& device : known_devices(profile)) {
    const ModuleFlavour needs = host::flavour_for(device.capability_major, device.capability_minor);
    if (wrong(needs)) return Unserved{device.name, needs};
  }
  for (const host::GpuFacts& gpu : profile.nvidia.gpus) {
    const ModuleFlavour needs = host::flavour_for_pci(gpu.pci_id);
    const std::string name = gpu.model.empty() ? fmt::format("the GPU at {}", gpu.bus) : gpu.model;
    if (wrong(needs)) return Unserved{name, needs};
  }
  return std::nullopt;
}

Finding examine_flavour(const Subject& subject) {
  const host::NvidiaFacts& nvidia = subject.profile->nvidia;
  if (nvidia.kernel_module.empty()) return unavailable("no kernel module nvidia is loaded");
  const bool known = !nvidia.gpus.empty() || !known_devices(*subject.profile).empty();
  if (!known) return unavailable("nothing tells which GPUs the kernel module has to serve");
  const char* flavour = nvidia.open_kernel_module ? "open" : "proprietary";
  const auto wrong = unserved(*subject.profile);
  if (!wrong) return pass(fmt::format("the {} kernel module serves these GPUs", flavour));
  const char* needs = wrong->needs == ModuleFlavour::open ? "open" : "proprietary";
  return failure(
      fmt::format("{} needs the {} kernel module, and the {} one is loaded", wrong->gpu, needs,
                  flavour),
      other_node(subject, fmt::format("{} needs the {} kernel module", wrong->gpu, needs)));
}

constexpr std::array checks = {
    Check{"D01", "gpu.pci", "NVIDIA GPUs of this node", false, examine_pci},
    Check{"D02", "kmod.loaded", "Kernel module of the driver", false, examine_module},
    Check{"D03", "libcuda.found", "Driver library where programs look", false, examine_found},
    Check{"D04", "libcuda.stub", "Stub libraries in place of the driver", false, examine_stub},
    Check{"D05", "libcuda.unique", "One driver library, not several", false, examine_unique},
    Check{"D06", "kmod.match", "Driver library and kernel module agree", false, examine_match},
    Check{"D07", "compat.valid", "Forward-compatibility library in front", false, examine_compat},
    Check{"D08", "cuda.version", "CUDA version of the driver", false, examine_version},
    Check{"D09", "cuda.override", "CUDA version that the solver is told", false, examine_override},
    in_job("D10", "cuinit", "The driver starts", examine_init),
    in_job("D11", "cuinit.time", "How long the driver takes to start", examine_init_time),
    in_job("D12", "uvm", "Unified memory of the driver (nvidia-uvm)", examine_uvm),
    in_job("D13", "devnodes", "Device files that programs may open", examine_nodes),
    in_job("D14", "fabric", "NVSwitch fabric between the GPUs", examine_fabric),
    Check{"D15", "driver.branch", "Branch of the driver and its end", false, examine_branch},
    Check{"D16", "module.flavour", "Open or proprietary kernel module", false, examine_flavour},
};

}  // namespace

std::span<const Check> driver_checks() { return checks; }

}  // namespace hpcenv::doctor
