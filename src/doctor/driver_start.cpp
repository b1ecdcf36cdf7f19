// The driver at its start: cuInit, its time, the device files that it opens, the fabric.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/text.hpp"
#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"

namespace hpcenv::doctor {

namespace {

using host::LibcudaCandidate;
using host::ProbeEnd;

constexpr int no_device = 100;
constexpr int not_ready = 802;

/// That the node's own library, behind the one in front, starts.
std::vector<std::string> library_behind(const Subject& subject, const LibcudaCandidate& winner) {
  std::vector<std::string> evidence;
  for (const LibcudaCandidate& other : subject.profile->nvidia.libcuda) {
    if (&other == &winner || other.init_end != ProbeEnd::answered) continue;
    evidence.push_back(
        other.init_code == 0
            ? fmt::format("{} starts and shows {}", other.path, gpus_text(other.devices.size()))
            : fmt::format("{} fails with {} too", other.path, other.init_code.value_or(-1)));
  }
  return evidence;
}

Finding failed_init(const Subject& subject, const LibcudaCandidate& library) {
  const host::CudaError& error = host::cuda_error(*library.init_code);
  const std::string text =
      fmt::format("cuInit failed with {} {}: {}", *library.init_code, error.name, error.meaning);
  const bool shows_none = *library.init_code == no_device;
  if (shows_none && subject.profile->nvidia.pci_gpus == 0) {
    return info(
        fmt::format("cuInit finds no GPU ({} {}), as this node has none", no_device, error.name));
  }
  return with_evidence(failure(text, shows_none ? ask_for_gpu(subject) : Remedy{error.advice, {}}),
                       library_behind(subject, library));
}

Finding not_started(const Subject& subject) {
  const host::NvidiaFacts& nvidia = subject.profile->nvidia;
  Finding finding = info("the driver was not started: " + host::why_no_devices(nvidia));
  if (nvidia.devices_skipped == host::DevicesSkipped::as_root) {
    finding.remedy = Remedy{"Look as a user, or have the driver started all the same.",
                            {"hpcenv probe --devices"}};
  }
  return finding;
}

std::string seconds_text(std::int64_t milliseconds) {
  constexpr double thousand = 1000;
  return fmt::format("{:.1f} s", static_cast<double>(milliseconds) / thousand);
}

bool lacks_persistence(const host::NvidiaFacts& nvidia) {
  return nvidia.nvml && std::ranges::any_of(nvidia.nvml->gpus, [](const host::ManagedGpu& gpu) {
           return gpu.persistence == false;
         });
}

/// Whether the node's driver is one whose device files are those of NVIDIA's kernel module.
std::optional<Finding> without_nodes(const host::NvidiaFacts& nvidia) {
  if (nvidia.wsl) return pass("Windows' driver is reached through /dev/dxg");
  if (!nvidia.jetson.empty()) return pass("the driver of this board has device files of its own");
  if (nvidia.kernel_module.empty()) return unavailable("no kernel module nvidia is loaded");
  return std::nullopt;
}

bool has_started(const Subject& subject) {
  const LibcudaCandidate* library = winning_library(*subject.profile);
  return library != nullptr && library->init_code == 0;
}

std::size_t gpu_nodes(const host::NvidiaFacts& nvidia) {
  return static_cast<std::size_t>(
      std::ranges::count_if(nvidia.device_nodes, [](const std::string& node) {
        constexpr std::string_view prefix = "/dev/nvidia";
        return base::parse_unsigned(node.substr(std::min(prefix.size(), node.size()))).has_value();
      }));
}

bool in_container(const Subject& subject) { return !subject.profile->system.container.empty(); }

Finding refused_node(const Subject& subject, int error) {
  const std::string text =
      fmt::format("/dev/nvidiactl may not be opened ({})", std::strerror(error));
  if (error == EACCES) {
    return failure(text, {"Tell the administrators that you may not open it: the files' group or "
                          "mode leaves you out.",
                          {"ls -l /dev/nvidia*; id"}});
  }
  if (error != EPERM) return failure(text, other_node(subject, text));
  // The control group of the job or of the container does not hold the device.
  if (in_container(subject)) {
    Remedy again{"Start the container again; it loses them when the host reloads systemd.", {}};
    const std::string& container = subject.profile->system.container;
    if (container == "docker" || container == "podman") {
      again.commands = {container + " restart CONTAINER"};
    }
    return failure(text + ": this container has lost its GPUs", std::move(again));
  }
  return failure(text + ": the job was given no GPU", ask_for_gpu(subject));
}

Finding missing_node(const Subject& subject) {
  if (in_container(subject)) {
    return failure("this container has no /dev/nvidiactl, so no GPU was brought into it",
                   bring_driver_in(subject));
  }
  return warning("there is no /dev/nvidiactl, though the kernel module is loaded",
                 {"Have the driver's own tool make the files, or tell the administrators.",
                  {"nvidia-modprobe -c 0 -u"}});
}

}  // namespace

Finding examine_init(const Subject& subject) {
  const LibcudaCandidate* library = winning_library(*subject.profile);
  if (library == nullptr || library->is_stub) return unavailable("no driver library to start");
  if (library->init_end == ProbeEnd::timed_out) {
    return failure(
        fmt::format("the driver hangs when it is started (cuInit, {})", library->init_detail),
        other_node(subject, "CUDA hangs in cuInit"));
  }
  if (library->init_end == ProbeEnd::crashed) {
    return failure(
        fmt::format("the driver crashes when it is started (cuInit: {})", library->init_detail),
        other_node(subject, "CUDA crashes in cuInit"));
  }
  if (!library->init_code) return not_started(subject);
  if (*library->init_code != 0) return failed_init(subject, *library);
  const std::string text =
      fmt::format("the driver starts in {} ms and shows {}", library->init_milliseconds.value_or(0),
                  gpus_text(library->devices.size()));
  if (!library->visible_code) return pass(text);
  return pass(fmt::format("{}; only under CUDA_VISIBLE_DEVICES it fails with {}, see G02", text,
                          *library->visible_code));
}

Finding examine_init_time(const Subject& subject) {
  constexpr std::int64_t slow = 2000;
  constexpr std::int64_t very_slow = 10000;
  const LibcudaCandidate* library = winning_library(*subject.profile);
  if (library == nullptr || !library->init_milliseconds) {
    return unavailable("the driver was not started, or did not come back");
  }
  const std::int64_t took = *library->init_milliseconds;
  if (took < slow) return pass(fmt::format("the driver starts in {}", seconds_text(took)));
  std::vector<std::string> evidence;
  if (lacks_persistence(subject.profile->nvidia)) {
    evidence.emplace_back("persistence mode is off on this node");
  }
  const std::string text =
      fmt::format("each program waits {} for the driver to start", seconds_text(took));
  if (took <= very_slow) return with_evidence(info(text), std::move(evidence));
  return with_evidence(
      warning(text, other_node(subject, "CUDA takes " + seconds_text(took) +
                                            " to start (is nvidia-persistenced running?)")),
      std::move(evidence));
}

Finding examine_uvm(const Subject& subject) {
  const host::NvidiaFacts& nvidia = subject.profile->nvidia;
  if (auto other = without_nodes(nvidia)) return *std::move(other);
  const bool has_node =
      std::ranges::find(nvidia.device_nodes, "/dev/nvidia-uvm") != nvidia.device_nodes.end();
  const bool opens = nvidia.uvm_error.value_or(0) == 0;
  if (nvidia.uvm && has_node && opens) return pass("the kernel module nvidia-uvm serves");
  if (has_started(subject)) return pass("the driver brought nvidia-uvm up when it was started");
  std::string text = "the kernel module nvidia-uvm is not loaded";
  if (nvidia.uvm && !has_node) text = "there is no /dev/nvidia-uvm";
  if (nvidia.uvm && has_node) {
    text = fmt::format("/dev/nvidia-uvm may not be opened ({})", std::strerror(*nvidia.uvm_error));
  }
  return failure(text + ", so CUDA fails with 999 or 304",
                 {"Have the driver's own tool load it, or tell the administrators to do so.",
                  {"nvidia-modprobe -u -c=0"}});
}

Finding examine_nodes(const Subject& subject) {
  const host::NvidiaFacts& nvidia = subject.profile->nvidia;
  if (auto other = without_nodes(nvidia)) return *std::move(other);
  const bool has_control =
      std::ranges::find(nvidia.device_nodes, "/dev/nvidiactl") != nvidia.device_nodes.end();
  if (!has_control) {
    return has_started(subject) ? pass("the driver made its device files when it was started")
                                : missing_node(subject);
  }
  if (!nvidia.control_error) return unavailable("this profile does not tell whether they open");
  if (*nvidia.control_error != 0) return refused_node(subject, *nvidia.control_error);
  const std::size_t nodes = gpu_nodes(nvidia);
  const std::size_t gpus = static_cast<std::size_t>(std::max(0, nvidia.pci_gpus));
  if (nodes < gpus) {
    return info(fmt::format("{} of this node's {} GPUs have their device file here", nodes, gpus));
  }
  return pass("the driver's device files are here and may be opened");
}

Finding examine_fabric(const Subject& subject) {
  const host::NvidiaFacts& nvidia = subject.profile->nvidia;
  const LibcudaCandidate* library = winning_library(*subject.profile);
  const bool fails = library != nullptr && library->init_code == not_ready;
  const int switches = nvidia.nvswitches.value_or(0);
  if (fails && switches > 0) {
    return failure(
        fmt::format("the NVSwitch fabric of this node ({} switches) is not up (802)", switches),
        other_node(subject, fmt::format("nvidia-fabricmanager does not run, or is not of "
                                        "the driver's version {}",
                                        nvidia.kernel_module)));
  }
  if (fails) {
    return failure(
        "the driver says that the system is not ready (802), and there is no NVSwitch "
        "here to wait for",
        other_node(subject,
                   "cuInit fails with 802: fabric manager, or KASLR with HMM "
                   "(load nvidia_uvm with uvm_disable_hmm=1)"));
  }
  if (!nvidia.nvswitches)
    return unavailable("this profile does not tell whether there are NVSwitches");
  if (switches == 0) return pass("no NVSwitch here, so no fabric to be up");
  if (!has_started(subject))
    return unavailable("the driver did not start, so the fabric is not known");
  return pass(fmt::format("the fabric of {} NVSwitches is up", switches));
}

}  // namespace hpcenv::doctor
