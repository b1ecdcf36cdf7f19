#include "cli/probe_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "cli/fact_sheet.hpp"
#include "cli/probe_storage.hpp"
#include "doctor/subject_facts.hpp"
#include "host/cuda_tables.hpp"
#include "host/proxy.hpp"

namespace hpcenv::cli {
namespace {

using host::CudaDevice;
using host::LibcudaCandidate;
using host::NodeProfile;
using host::NvidiaFacts;

constexpr std::size_t columns = 80;

std::string counted(std::size_t number, std::string_view one) {
  return fmt::format("{} {}{}", number, one, number == 1 ? "" : "s");
}

// ---- driver ----------------------------------------------------------------------------------

std::string module_text(const NvidiaFacts& nvidia) {
  if (!nvidia.kernel_module.empty()) {
    return fmt::format("nvidia {}, the {} flavour", nvidia.kernel_module,
                       nvidia.open_kernel_module ? "open" : "proprietary");
  }
  if (nvidia.nouveau) return "nouveau, which knows no CUDA";
  if (!nvidia.jetson.empty()) return "part of the board's system (Jetson)";
  return nvidia.wsl ? "none here: the driver is that of Windows (WSL)" : "not loaded";
}

const char* outcome(const LibcudaCandidate& candidate) {
  if (candidate.is_stub) return "a stub for linking, not a driver";
  switch (candidate.end) {
    case host::ProbeEnd::answered:
      return "answered";
    case host::ProbeEnd::cannot_load:
      return "cannot be loaded";
    case host::ProbeEnd::timed_out:
      return "did not answer in time";
    case host::ProbeEnd::crashed:
      return "crashed";
    case host::ProbeEnd::not_run:
      return "not asked";
  }
  return "";
}

std::string place_words(const LibcudaCandidate& candidate) {
  if (candidate.found_in == "LD_LIBRARY_PATH") return "; LD_LIBRARY_PATH leads there";
  if (candidate.found_in == "ld.so.cache") return "; the loader's cache has it";
  return candidate.found_in == "fixed list" ? "; it lies in a usual place" : "";
}

std::string candidate_text(const LibcudaCandidate& candidate) {
  std::vector<std::string> parts;
  if (!candidate.file_version.empty()) parts.push_back(candidate.file_version);
  const auto cuda =
      candidate.cuda_version ? host::cuda_version_from_code(*candidate.cuda_version) : std::nullopt;
  if (cuda) parts.push_back("CUDA " + cuda->text());
  if (candidate.compat) parts.emplace_back("for forward compatibility");
  parts.emplace_back(outcome(candidate));
  return base::join(parts, ", ") + place_words(candidate);
}

/// The loader's own search, which found nothing.
bool is_nothing(const LibcudaCandidate& candidate) {
  return candidate.found_in == "loader" && candidate.end == host::ProbeEnd::cannot_load;
}

/// False where there is none.
bool add_libraries(const NvidiaFacts& nvidia, FactSheet& sheet) {
  std::string name = "libcuda";
  for (std::size_t i = 0; i < nvidia.libcuda.size(); ++i) {
    const LibcudaCandidate& candidate = nvidia.libcuda[i];
    if (is_nothing(candidate)) continue;
    const char* wins = nvidia.winner == i ? "programs get it: " : "";
    sheet.add(std::exchange(name, ""), candidate.path);
    sheet.add("", wins + candidate_text(candidate));
  }
  if (name.empty()) return true;
  sheet.add(name, "there is no driver library that programs could load");
  return false;
}

/// How the library that programs get started.
std::string start_text(const NvidiaFacts& nvidia) {
  std::string why = host::why_no_devices(nvidia);
  if (!nvidia.winner) return why;
  const LibcudaCandidate& winner = nvidia.libcuda[*nvidia.winner];
  if (winner.init_code.value_or(0) != 0) {
    const std::string failed = fmt::format("cuInit failed with {} {}", *winner.init_code,
                                           host::cuda_error(*winner.init_code).name);
    return why.empty() ? failed + "; the node's own library behind it starts" : failed;
  }
  if (!why.empty()) return why;
  return fmt::format("{} in {} ms", counted(winner.devices.size(), "GPU"),
                     winner.init_milliseconds.value_or(0));
}

std::string driver_text(const NodeProfile& profile, const Output& output) {
  const NvidiaFacts& nvidia = profile.nvidia;
  const auto cuda = host::cuda_version_of(profile);
  FactSheet sheet("NVIDIA driver");
  sheet.add("kernel module", module_text(nvidia));
  if (add_libraries(nvidia, sheet)) sheet.add("start", start_text(nvidia));
  sheet.add("CUDA", cuda ? fmt::format("up to {0} (__cuda={0})", *cuda) : "none (no __cuda)");
  return sheet.text(columns, output);
}

// ---- GPUs ------------------------------------------------------------------------------------

const char* mode_words(int mode) {
  constexpr int prohibited = 2;
  constexpr int exclusive = 3;
  if (mode == prohibited) return "closed to programs";
  return mode == exclusive ? "for one program at a time" : "";
}

std::string device_text(const CudaDevice& device, const NvidiaFacts& nvidia) {
  std::vector<std::string> parts{
      device.name.empty() ? "a GPU without a name" : device.name,
      fmt::format("compute capability {}.{}", device.capability_major, device.capability_minor),
      base::human_bytes(device.memory_bytes)};
  if (nvidia.nvml) {
    for (const host::ManagedGpu& gpu : nvidia.nvml->gpus) {
      if (gpu.uuid != device.uuid || !gpu.free_bytes) continue;
      parts.push_back(base::human_bytes(*gpu.free_bytes) + " free");
    }
  }
  if (device.ecc) parts.emplace_back("ECC");
  if (const std::string mode = mode_words(device.compute_mode); !mode.empty()) {
    parts.push_back(mode);
  }
  return base::join(parts, ", ");
}

std::string pci_text(const NvidiaFacts& nvidia) {
  std::string text = counted(static_cast<std::size_t>(std::max(nvidia.pci_gpus, 0)), "GPU");
  if (nvidia.nvswitches.value_or(0) > 0) {
    text += fmt::format(", {} NVSwitch chips", *nvidia.nvswitches);
  }
  return text;
}

/// What the driver's files say of GPUs that nobody asked the driver for.
void add_listed(const NvidiaFacts& nvidia, FactSheet& sheet) {
  for (const host::GpuFacts& gpu : nvidia.gpus) {
    sheet.add(gpu.bus, fmt::format("{}{}", gpu.model.empty() ? "PCI id " + gpu.pci_id : gpu.model,
                                   gpu.excluded ? ", kept from programs" : ""));
  }
}

std::string gpus_text(const NodeProfile& profile, const Output& output) {
  const NvidiaFacts& nvidia = profile.nvidia;
  const std::vector<CudaDevice>& devices = doctor::known_devices(profile);
  FactSheet sheet("GPUs");
  sheet.add_known("board", nvidia.jetson);
  if (devices.empty() && nvidia.pci_gpus == 0 && nvidia.jetson.empty()) {
    const bool in_job = profile.environment.has("SLURM_JOB_ID");
    sheet.add("", in_job ? "none that this job was given, or that the node has"
                         : "none here; on a login node that is as it should be");
    return sheet.text(columns, output);
  }
  if (!nvidia.wsl && nvidia.jetson.empty()) sheet.add("on the PCI bus", pci_text(nvidia));
  if (devices.empty()) {
    add_listed(nvidia, sheet);
  } else {
    for (std::size_t i = 0; i < devices.size(); ++i) {
      const CudaDevice& device = devices[i];
      sheet.add(fmt::format("GPU {}", i), device_text(device, nvidia));
      sheet.add("", fmt::format("{} {}", device.uuid, device.pci_bus_id));
    }
  }
  if (nvidia.mig_instances.value_or(0) > 0) {
    sheet.add("MIG", fmt::format("{}, {} of them within reach here",
                                 counted(static_cast<std::size_t>(*nvidia.mig_instances), "slice"),
                                 nvidia.mig_reachable.value_or(0)));
  }
  if (const auto visible = profile.environment.get("CUDA_VISIBLE_DEVICES")) {
    sheet.add("programs see", fmt::format("CUDA_VISIBLE_DEVICES={}", *visible));
  }
  if (const auto arch = host::cuda_arch_of(profile)) {
    sheet.add("lowest", fmt::format("compute capability {0} (__cuda_arch={0})", *arch));
  }
  return sheet.text(columns, output);
}

// ---- the rest --------------------------------------------------------------------------------

std::string system_text(const NodeProfile& profile, const Output& output) {
  FactSheet sheet("System");
  sheet.add("kernel", profile.kernel);
  sheet.add("glibc", profile.glibc.empty() ? "none found" : profile.glibc);
  if (profile.system.c_library == "musl") sheet.add("C library", "musl");
  sheet.add("processor", profile.cpu.empty() || profile.cpu == profile.machine
                             ? profile.machine
                             : fmt::format("{} ({})", profile.cpu, profile.machine));
  if (profile.memory_bytes > 0) sheet.add("memory", base::human_bytes(profile.memory_bytes));
  if (const auto& shared = profile.system.shared_memory) {
    sheet.add("/dev/shm", fmt::format("{} of {} free", base::human_bytes(shared->free_bytes),
                                      base::human_bytes(shared->total_bytes)));
  }
  sheet.add_known("container", profile.system.container);
  if (profile.system.infiniband) sheet.add("InfiniBand", "yes");
  return sheet.text(columns, output);
}

std::string storage_text(const NodeProfile& profile, const Output& output) {
  if (profile.mounts.empty()) return "";
  FactSheet sheet("Storage");
  for (const PlacesAlike& group : places_alike(profile.mounts)) {
    for (const host::MountFacts* place : group.places) {
      sheet.add(place->purpose, place->path + (place->missing ? " (not there yet)" : ""));
    }
    for (const std::string& fact : group.facts) sheet.add("", fact);
  }
  return "\n" + sheet.text(columns, output);
}

std::string job_text(const NodeProfile& profile, const Output& output) {
  FactSheet sheet("Slurm");
  const std::string job = profile.environment.get_or("SLURM_JOB_ID", "");
  const std::string partition = profile.environment.get_or("SLURM_JOB_PARTITION", "");
  if (job.empty()) {
    sheet.add("job", "none: this is not inside a Slurm job");
  } else {
    sheet.add("job", partition.empty() ? job : fmt::format("{} in partition {}", job, partition));
  }
  for (const auto& [name, value] : profile.environment.all()) {
    const bool shown = name == "SLURM_JOB_ID" || name == "SLURM_JOB_PARTITION";
    const bool slurms = name.starts_with("SLURM") || name.starts_with("SBATCH_");
    if (slurms && !shown) sheet.add(name, value);
  }
  return sheet.text(columns, output);
}

/// Variables that name a server or a file for connections, in the order in which they count.
constexpr std::array network_variables = {
    "https_proxy",  "HTTPS_PROXY",    "http_proxy",        "HTTP_PROXY",       "all_proxy",
    "ALL_PROXY",    "no_proxy",       "NO_PROXY",          "HPCENV_CA_BUNDLE", "SSL_CERT_FILE",
    "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"};

std::string network_text(const NodeProfile& profile, const Output& output) {
  FactSheet sheet("Network");
  const bool proxy = std::ranges::any_of(network_variables, [&](const char* name) {
    return host::is_proxy_variable(name) && !profile.environment.get_or(name, "").empty();
  });
  if (!proxy) sheet.add("proxy", "none");
  for (const char* name : network_variables) {
    sheet.add_known(name, profile.environment.get_or(name, ""));
  }
  sheet.add_known("system's CA file", profile.system.ca_bundle);
  return sheet.text(columns, output);
}

}  // namespace

std::string probe_report(const NodeProfile& profile, const Output& output) {
  const std::string day = base::utc_text(profile.taken_at).substr(0, 10);
  FactSheet title(fmt::format("{}, seen on {}", profile.hostname, day));
  return title.text(columns, output) + "\n" + driver_text(profile, output) + "\n" +
         gpus_text(profile, output) + "\n" + system_text(profile, output) +
         storage_text(profile, output) + "\n" + job_text(profile, output) + "\n" +
         network_text(profile, output);
}

}  // namespace hpcenv::cli
