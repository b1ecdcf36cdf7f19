#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"
#include "host/compat.hpp"

namespace hpcenv::doctor {

namespace {

using host::LibcudaCandidate;
using host::ProbeEnd;

const Remedy other_node{
    "Use another node, and tell the administrators of this one.",
    {"sbatch --exclude=$(hostname) ..."},
};

Finding examine_pci(const Subject& subject) {
  const host::NvidiaFacts& nvidia = subject.profile->nvidia;
  if (nvidia.wsl) return pass("Windows shares its GPU with this Linux (/dev/dxg)");
  if (nvidia.pci_gpus == 0) {
    return info("no NVIDIA GPU is plugged into this node; a driver library is here all the same");
  }
  return pass(fmt::format("{} NVIDIA GPU{} on the PCI bus", nvidia.pci_gpus,
                          nvidia.pci_gpus == 1 ? "" : "s"));
}

Finding examine_module(const Subject& subject) {
  const host::NvidiaFacts& nvidia = subject.profile->nvidia;
  if (!nvidia.kernel_module.empty()) {
    return pass(fmt::format("the kernel module nvidia {} is loaded{}", nvidia.kernel_module,
                            nvidia.open_kernel_module ? " (open flavour)" : ""));
  }
  if (nvidia.wsl) return info("Windows' driver serves this Linux; there is no kernel module here");
  if (nvidia.pci_gpus == 0) return info("no kernel module nvidia, and no GPU that needs it");
  if (nvidia.nouveau) {
    return failure("the GPU is driven by nouveau, with which CUDA does not work", other_node);
  }
  return failure("there is a GPU, but the kernel module nvidia is not loaded", other_node);
}

bool is_stub_directory(const std::string& entry) {
  return entry.ends_with("/stubs") || entry.find("/stubs/") != std::string::npos;
}

std::vector<std::string> stub_entries(const Subject& subject) {
  std::vector<std::string> entries;
  for (const std::string& entry : path_entries(subject, "LD_LIBRARY_PATH")) {
    const bool holds_stub = std::ranges::any_of(
        subject.profile->nvidia.libcuda, [&](const LibcudaCandidate& candidate) {
          return candidate.is_stub && candidate.found_in == "LD_LIBRARY_PATH" &&
                 candidate.path == entry + "/libcuda.so.1";
        });
    if (holds_stub || is_stub_directory(entry)) entries.push_back(entry);
  }
  return entries;
}

std::vector<std::string> cuda_modules(const Subject& subject) {
  std::vector<std::string> evidence;
  for (const std::string& module : path_entries(subject, "LOADEDMODULES")) {
    const std::string name = base::to_lower(module);
    const bool related =
        name.find("cuda") != std::string::npos || name.find("nvhpc") != std::string::npos;
    if (related) evidence.push_back("loaded module that may have set it: " + module);
  }
  return evidence;
}

Finding examine_stub(const Subject& subject) {
  const LibcudaCandidate* first = winning_library(*subject.profile);
  const std::vector<std::string> entries = stub_entries(subject);
  Remedy remedy{
      "Take the stub's directory out of LD_LIBRARY_PATH, in the module, rc file or job "
      "script that puts it there.",
      {drop_entries_command("LD_LIBRARY_PATH", variable(subject, "LD_LIBRARY_PATH"), entries)}};
  std::vector<std::string> evidence = cuda_modules(subject);
  if (first != nullptr && first->is_stub) {
    if (entries.empty()) {
      remedy = {fmt::format("Tell who administers this machine that {} is a link-time stub and "
                            "has to go from the loader's path.",
                            first->path),
                {}};
    }
    evidence.insert(evidence.begin(), first->path + " found in " + first->found_in);
    return with_evidence(
        failure(
            fmt::format("programs load the stub {}, which is no driver (error 34)", first->path),
            std::move(remedy)),
        std::move(evidence));
  }
  const std::string preload = variable(subject, "LD_PRELOAD");
  if (preload.find("/stubs/") != std::string::npos) {
    return warning("LD_PRELOAD names a stub: " + preload,
                   {"Take the stub out of LD_PRELOAD.", {"unset LD_PRELOAD"}});
  }
  if (entries.empty()) return pass("no link-time stub of libcuda where programs look");
  return with_evidence(
      warning(fmt::format("LD_LIBRARY_PATH holds stubs of CUDA: {}", base::join(entries, ", ")),
              std::move(remedy)),
      std::move(evidence));
}

Finding examine_match(const Subject& subject) {
  const std::string& module = subject.profile->nvidia.kernel_module;
  const LibcudaCandidate* library = winning_library(*subject.profile);
  if (library == nullptr || library->is_stub) return unavailable("no driver library to compare");
  if (module.empty()) return unavailable("no kernel module to compare the library with");
  if (library->file_version.empty()) {
    return unavailable(fmt::format("the file name of {} holds no version", library->path));
  }
  if (library->file_version == module) {
    return pass(fmt::format("libcuda and the kernel module are both {}", module));
  }
  if (host::is_compat_library(*library, module)) {
    return pass(fmt::format("the library in front is one for forward compatibility ({}), see D07",
                            library->file_version));
  }
  return failure(fmt::format("libcuda is {}, the kernel module is {}: CUDA fails with error 803 "
                             "(the driver was updated and the node not rebooted)",
                             library->file_version, module),
                 {"Use another node, and tell the administrators that this one needs a reboot.",
                  {"sbatch --exclude=$(hostname) ..."}});
}

/// Why no library answered, in one finding.
Finding no_version(const Subject& subject) {
  const host::NodeProfile& profile = *subject.profile;
  for (const LibcudaCandidate& library : profile.nvidia.libcuda) {
    if (library.is_stub || library.end == ProbeEnd::cannot_load) continue;
    const auto cuda = host::cuda_of_driver(library.file_version);
    const std::string what = fmt::format("{} does not say its version: {}", library.path,
                                         library.detail.empty() ? "no answer" : library.detail);
    if (!cuda) return failure(what, other_node);
    return warning(fmt::format("{}; by its file name it supports CUDA {}", what, cuda->text()),
                   {"If that is right, tell hpcenv so; but jobs on this node may hang as well.",
                    {"export CONDA_OVERRIDE_CUDA=" + cuda->text()}});
  }
  if (!profile.nvidia.kernel_module.empty()) {
    return failure(
        fmt::format("the kernel has nvidia {}, but programs find no libcuda.so.1 (a container "
                    "started without the driver?)",
                    profile.nvidia.kernel_module),
        {"Start the container with the host's driver in it.", {"apptainer exec --nv IMAGE ..."}});
  }
  return info("no driver library that answers, so packages for CUDA cannot run on this node");
}

Finding examine_version(const Subject& subject) {
  const host::NodeProfile& profile = *subject.profile;
  const LibcudaCandidate* library = host::driver_library(profile);
  const auto cuda = driver_cuda(profile);
  if (library == nullptr || !cuda) return no_version(subject);
  std::vector<std::string> evidence{
      fmt::format("{} -> {}, found in {}", library->path, library->real_path, library->found_in)};
  const std::string text = fmt::format("{} supports CUDA up to {} (__cuda={})",
                                       driver_words(profile), cuda->text(), cuda->text());
  if (winning_library(profile) == nullptr) {
    return with_evidence(info(text + ", but it lies where the loader does not look"),
                         std::move(evidence));
  }
  return with_evidence(pass(text), std::move(evidence));
}

Finding failed_init(const Subject& subject, const LibcudaCandidate& library) {
  constexpr int no_device = 100;
  const host::CudaError& error = host::cuda_error(*library.init_code);
  const std::string text =
      fmt::format("cuInit failed with {} {}: {}", *library.init_code, error.name, error.meaning);
  if (*library.init_code == no_device && subject.profile->nvidia.pci_gpus == 0) {
    return info(
        fmt::format("cuInit finds no GPU ({} {}), as this node has none", no_device, error.name));
  }
  Remedy remedy{error.advice, {}};
  if (*library.init_code == no_device) remedy.commands = {"srun --gpus=1 hpcenv doctor"};
  return failure(text, std::move(remedy));
}

Finding examine_init(const Subject& subject) {
  const LibcudaCandidate* library = winning_library(*subject.profile);
  if (library == nullptr || library->is_stub) return unavailable("no driver library to start");
  if (library->init_end == ProbeEnd::timed_out) {
    return failure(
        fmt::format("the driver hangs when it is started (cuInit, {})", library->init_detail),
        other_node);
  }
  if (library->init_end == ProbeEnd::crashed) {
    return failure(
        fmt::format("the driver crashes when it is started (cuInit: {})", library->init_detail),
        other_node);
  }
  if (!library->init_code) {
    return info("cuInit was not tried: this node shows no /dev/nvidiactl, or we are root");
  }
  if (*library->init_code != 0) return failed_init(subject, *library);
  return pass(fmt::format("the driver starts in {} ms and shows {} GPU{}",
                          library->init_milliseconds.value_or(0), library->devices.size(),
                          library->devices.size() == 1 ? "" : "s"));
}

constexpr std::array checks = {
    Check{"D01", "gpu.pci", "NVIDIA GPUs of this node", false, examine_pci},
    Check{"D02", "kmod.loaded", "Kernel module of the driver", false, examine_module},
    Check{"D04", "libcuda.stub", "Stub libraries in place of the driver", false, examine_stub},
    Check{"D06", "kmod.match", "Driver library and kernel module agree", false, examine_match},
    Check{"D07", "compat.valid", "Forward-compatibility library in front", false, examine_compat},
    Check{"D08", "cuda.version", "CUDA version of the driver", false, examine_version},
    Check{"D10", "cuinit", "The driver starts", false, examine_init},
};

}  // namespace

std::span<const Check> driver_checks() { return checks; }

}  // namespace hpcenv::doctor
