// The GPUs: how many programs get, which, and in what state.
#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/text.hpp"
#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"

namespace hpcenv::doctor {

namespace {

using host::CudaDevice;
using host::LibcudaCandidate;

constexpr const char* visible_name = "CUDA_VISIBLE_DEVICES";
constexpr int no_device = 100;

/// For checks that look at each GPU.
Finding devices_unknown(const Subject& subject) {
  return unavailable("the GPUs are not known: " + host::why_no_devices(subject.profile->nvidia));
}

bool is_slice(const CudaDevice& device) { return device.name.find(" MIG ") != std::string::npos; }

std::string named(const CudaDevice& device) {
  return fmt::format("{} {}", device.pci_bus_id, device.name);
}

const std::vector<host::ManagedGpu>& managed_gpus(const Subject& subject) {
  static const std::vector<host::ManagedGpu> none;
  const auto& nvml = subject.profile->nvidia.nvml;
  return nvml ? nvml->gpus : none;
}

bool in_slurm_job(const Subject& subject) { return !variable(subject, "SLURM_JOB_ID").empty(); }

/// GPUs of the node that programs may have at all.
std::size_t gpus_of_node(const host::NvidiaFacts& nvidia) {
  const auto excluded = std::ranges::count_if(nvidia.gpus, &host::GpuFacts::excluded);
  return static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, nvidia.pci_gpus - excluded));
}

std::vector<std::string> hidden_from_driver(const host::NvidiaFacts& nvidia) {
  std::vector<std::string> evidence;
  for (const host::GpuFacts& gpu : nvidia.gpus) {
    if (gpu.excluded) evidence.push_back(gpu.bus + " is excluded by the administrators");
    if (gpu.model.empty() && !nvidia.kernel_module.empty()) {
      evidence.push_back(gpu.bus + " is on the PCI bus, but the driver does not have it");
    }
  }
  return evidence;
}

Finding examine_count(const Subject& subject) {
  const host::NvidiaFacts& nvidia = subject.profile->nvidia;
  const LibcudaCandidate* library = winning_library(*subject.profile);
  const std::size_t all = gpus_of_node(nvidia);
  if (library == nullptr || !library->init_code) return devices_unknown(subject);
  if (*library->init_code == no_device && all > 0) {
    return with_evidence(failure(fmt::format("programs get none of this node's {}", gpus_text(all)),
                                 ask_for_gpu(subject)),
                         hidden_from_driver(nvidia));
  }
  if (*library->init_code != 0) return unavailable("the driver does not start, see D10");
  const std::size_t seen = library->visible_devices
                               ? static_cast<std::size_t>(std::max(0, *library->visible_devices))
                               : library->devices.size();
  if (seen == 0) {
    Remedy remedy = in_slurm_job(subject) ? ask_for_gpu(subject)
                                          : Remedy{"Let the driver show them.",
                                                   {fmt::format("unset {}", visible_name)}};
    return failure("programs get no GPU, as " + std::string(visible_name) + " says",
                   std::move(remedy));
  }
  const bool sliced = std::ranges::any_of(library->devices, is_slice);
  if (sliced) return info("programs get a slice of a GPU (MIG), see G06");
  if (seen >= all) return pass(fmt::format("programs get all {} of this node", gpus_text(seen)));
  const char* why = in_slurm_job(subject) ? "as the job asked for"
                                          : "as CUDA_VISIBLE_DEVICES or a container leaves";
  return with_evidence(info(fmt::format("programs get {} of this node's {}, {}", seen, all, why)),
                       hidden_from_driver(nvidia));
}

struct Known {
  std::size_t count = 0;  ///< how many indices there are; 0: not known
  std::set<std::string> uuids;
};

Known known_gpus(const Subject& subject) {
  const host::NvidiaFacts& nvidia = subject.profile->nvidia;
  Known known;
  known.count = static_cast<std::size_t>(std::max(0, nvidia.pci_gpus));
  const LibcudaCandidate* library = winning_library(*subject.profile);
  if (library != nullptr && !library->devices.empty()) known.count = library->devices.size();
  for (const CudaDevice& device : known_devices(*subject.profile)) known.uuids.insert(device.uuid);
  for (const host::ManagedGpu& gpu : managed_gpus(subject)) known.uuids.insert(gpu.uuid);
  for (const host::GpuFacts& gpu : nvidia.gpus) {
    if (gpu.uuid.find('?') == std::string::npos) known.uuids.insert(gpu.uuid);
  }
  known.uuids.erase("");
  return known;
}

bool has_no_slices(const Subject& subject) {
  const auto& managed = managed_gpus(subject);
  return !managed.empty() && std::ranges::none_of(managed, [](const host::ManagedGpu& gpu) {
    return gpu.code != 0 || gpu.mig == true;
  });
}

/// What is wrong with an entry; empty where it is right, or nothing here can tell.
std::string fault_of(const Subject& subject, std::string_view entry, const Known& known) {
  if (const auto index = base::parse_unsigned(entry)) {
    if (known.count == 0 || *index < known.count) return {};
    return fmt::format("this node has only {}", known.count);
  }
  if (entry.starts_with("MIG-")) {
    return has_no_slices(subject) ? "no GPU here is cut into slices (MIG)" : "";
  }
  if (!entry.starts_with("GPU-")) return "that is neither an index nor a uuid";
  // The driver takes any unambiguous beginning.
  const auto begins = [&](const std::string& uuid) { return uuid.starts_with(entry); };
  const bool can_tell = !known.uuids.empty();
  return can_tell && std::ranges::none_of(known.uuids, begins) ? "no such GPU here" : "";
}

Finding hidden(const Subject& subject, const std::string& value) {
  const std::string text =
      fmt::format("{}='{}' hides all GPUs from every program", visible_name, value);
  if (in_slurm_job(subject)) {
    return warning(text + ": this job was given none",
                   {"Ask for a GPU when you submit.", {"sbatch --gpus=1 ..."}});
  }
  return warning(
      text, {"Unset it, unless that is what you want.", {fmt::format("unset {}", visible_name)}});
}

Finding wrong_entries(const std::string& value, const std::vector<std::string>& good,
                      std::vector<std::string> faults) {
  const std::string corrected =
      good.empty() ? fmt::format("unset {}", visible_name)
                   : fmt::format("export {}={}", visible_name, base::join(good, ","));
  return with_evidence(
      failure(fmt::format("{}={} has an entry that the driver does not accept, and it drops all "
                          "that follow",
                          visible_name, value),
              {"Set the right value.", {corrected}}),
      std::move(faults));
}

Finding examine_visible(const Subject& subject) {
  const auto given = subject.profile->environment.get(visible_name);
  if (!given) {
    return pass(fmt::format("{} is not set: programs see what the node gives", visible_name));
  }
  const std::string value(base::trim(*given));
  if (value.empty() || value == "-1" || value == "NoDevFiles") return hidden(subject, value);
  const std::vector<std::string_view> entries = base::split(value, ',');
  Finding fine = pass(fmt::format("{}={} names GPUs of this node", visible_name, value));
  const LibcudaCandidate* library = winning_library(*subject.profile);
  // Then the driver took each of them; `devices` holds these only.
  const bool taken = library != nullptr && library->visible_devices &&
                     static_cast<std::size_t>(*library->visible_devices) == entries.size();
  if (taken) return fine;
  const Known known = known_gpus(subject);
  std::vector<std::string> good;
  std::vector<std::string> faults;
  for (const std::string_view raw : entries) {
    const std::string entry(base::trim(raw));
    std::string fault = fault_of(subject, entry, known);
    if (fault.empty() && std::ranges::find(good, entry) != good.end()) fault = "it is named twice";
    if (fault.empty()) {
      good.push_back(entry);
    } else {
      faults.push_back(fmt::format("'{}': {}", entry, fault));
    }
  }
  return faults.empty() ? fine : wrong_entries(value, good, std::move(faults));
}

Finding examine_order(const Subject& subject) {
  const std::vector<CudaDevice>& devices = known_devices(*subject.profile);
  if (devices.empty()) return devices_unknown(subject);
  std::set<std::string> names;
  for (const CudaDevice& device : devices) names.insert(device.name);
  if (names.size() == 1) return pass("the GPUs are alike, so their order does not matter");
  if (variable(subject, "CUDA_DEVICE_ORDER") == "PCI_BUS_ID") {
    return pass("CUDA counts the GPUs in the order of the PCI bus, as nvidia-smi does");
  }
  std::vector<std::string> evidence;
  evidence.reserve(devices.size());
  for (const CudaDevice& device : devices) evidence.push_back(named(device));
  return with_evidence(
      warning(
          "the GPUs differ, and CUDA counts the fastest first where nvidia-smi goes by the bus: "
          "index 0 may be another one",
          {"Have CUDA count as nvidia-smi does.", {"export CUDA_DEVICE_ORDER=PCI_BUS_ID"}}),
      std::move(evidence));
}

Finding examine_capability(const Subject& subject) {
  const std::vector<CudaDevice>& devices = known_devices(*subject.profile);
  if (devices.empty()) return devices_unknown(subject);
  std::set<std::pair<int, int>> capabilities;
  std::vector<std::string> evidence;
  for (const CudaDevice& device : devices) {
    capabilities.emplace(device.capability_major, device.capability_minor);
    evidence.push_back(fmt::format("{}: {}.{}, {} multiprocessors", named(device),
                                   device.capability_major, device.capability_minor,
                                   device.multiprocessors));
  }
  const auto lowest = host::cuda_arch_of(*subject.profile);
  if (!lowest) return unavailable("the driver gives no compute capability that could be one");
  if (capabilities.size() == 1) {
    return with_evidence(pass(fmt::format("{} of compute capability {} (__cuda_arch={})",
                                          gpus_text(devices.size()), *lowest, *lowest)),
                         std::move(evidence));
  }
  return with_evidence(
      info(fmt::format("GPUs of {} compute capabilities; packages have to run on the lowest, {} "
                       "(__cuda_arch={})",
                       capabilities.size(), *lowest, *lowest)),
      std::move(evidence));
}

Finding examine_mode(const Subject& subject) {
  constexpr int prohibited = 2;
  const std::vector<CudaDevice>& devices = known_devices(*subject.profile);
  if (devices.empty()) return devices_unknown(subject);
  std::vector<std::string> exclusive;
  for (const CudaDevice& device : devices) {
    if (device.compute_mode == prohibited) {
      return failure(
          fmt::format("{} is in compute mode PROHIBITED: no program may use it", named(device)),
          other_node(subject, named(device) + " is in compute mode PROHIBITED"));
    }
    if (device.compute_mode > 0) exclusive.push_back(named(device));
  }
  if (exclusive.empty()) return pass("any number of programs may use a GPU at a time");
  return with_evidence(info("one program at a time may use a GPU here (compute mode EXCLUSIVE), a "
                            "second one fails with error 46"),
                       std::move(exclusive));
}

std::string slice_text(const CudaDevice& device) {
  return fmt::format("{}: {} multiprocessors, {}", device.name, device.multiprocessors,
                     base::human_bytes(device.memory_bytes));
}

/// GPUs that are cut, but of which no piece can be had; empty where there are none.
std::string unusable_mig(const Subject& subject) {
  for (const host::ManagedGpu& gpu : managed_gpus(subject)) {
    if (gpu.mig == true && gpu.slices == 0) {
      return fmt::format("{} is in MIG mode, but there is no slice of it", gpu.uuid);
    }
  }
  const host::NvidiaFacts& nvidia = subject.profile->nvidia;
  const LibcudaCandidate* library = winning_library(*subject.profile);
  const bool shows_none = library != nullptr && library->init_code == no_device;
  const bool out_of_reach = nvidia.mig_instances.value_or(0) > 0 && nvidia.mig_reachable == 0;
  if (!shows_none || !out_of_reach) return {};
  return fmt::format("there are {} slices (MIG), but the file of none is in /dev/nvidia-caps",
                     *nvidia.mig_instances);
}

Finding examine_mig(const Subject& subject) {
  const std::vector<CudaDevice>& devices = known_devices(*subject.profile);
  std::vector<std::string> slices;
  for (const CudaDevice& device : devices) {
    if (is_slice(device)) slices.push_back(slice_text(device));
  }
  if (!slices.empty()) {
    const std::string text = "programs get one slice of a GPU (MIG): " + slices.front();
    return with_evidence(info(text), std::move(slices));
  }
  if (const std::string fault = unusable_mig(subject); !fault.empty()) {
    return failure(fault,
                   in_slurm_job(subject) ? ask_for_gpu(subject) : other_node(subject, fault));
  }
  const bool some_cut = std::ranges::any_of(
      managed_gpus(subject), [](const host::ManagedGpu& gpu) { return gpu.mig == true; });
  if (some_cut || subject.profile->nvidia.mig_instances.value_or(0) > 0) {
    return info(
        "GPUs of this node are cut into slices (MIG), but not those that programs get here");
  }
  if (devices.empty() && managed_gpus(subject).empty()) return devices_unknown(subject);
  return pass("the GPUs are whole (MIG is off)");
}

Finding examine_health(const Subject& subject) {
  constexpr int lost = 15;
  constexpr int needs_reset = 16;
  constexpr int uncorrectable = 214;
  for (const host::ManagedGpu& gpu : managed_gpus(subject)) {
    if (gpu.code != lost && gpu.code != needs_reset) continue;
    const std::string fault = gpu.code == lost ? "a GPU fell off the bus" : "a GPU needs a reset";
    return with_evidence(
        failure(fault + ", as NVML says", other_node(subject, fault)),
        {fmt::format("NVML answers {} for {}", gpu.code, gpu.uuid.empty() ? "it" : gpu.uuid)});
  }
  const LibcudaCandidate* library = winning_library(*subject.profile);
  if (library != nullptr && library->init_code == uncorrectable) {
    return failure("the memory of a GPU is broken (ECC, error 214)",
                   other_node(subject, "a GPU has ECC errors that cannot be corrected"));
  }
  const std::vector<CudaDevice>& devices = known_devices(*subject.profile);
  if (devices.empty()) return devices_unknown(subject);
  const auto with_ecc = std::ranges::count_if(devices, &CudaDevice::ecc);
  return pass(fmt::format("no GPU is lost; {} of {} correct errors of their memory (ECC)", with_ecc,
                          devices.size()));
}

Finding examine_memory(const Subject& subject) {
  const std::vector<CudaDevice>& devices = known_devices(*subject.profile);
  if (devices.empty()) return devices_unknown(subject);
  std::vector<std::string> used;
  std::size_t asked = 0;
  for (const host::ManagedGpu& gpu : managed_gpus(subject)) {
    const bool mine = std::ranges::find(devices, gpu.uuid, &CudaDevice::uuid) != devices.end();
    if (!mine || !gpu.free_bytes || !gpu.total_bytes) continue;
    ++asked;
    if (*gpu.free_bytes > *gpu.total_bytes / 2) continue;
    used.push_back(fmt::format("{}: {} of {} free", gpu.uuid, base::human_bytes(*gpu.free_bytes),
                               base::human_bytes(*gpu.total_bytes)));
  }
  if (asked == 0) return unavailable("NVML was not asked, or does not tell the free memory");
  if (used.empty()) return pass("the memory of the GPUs is free");
  return with_evidence(
      warning("others use the GPUs that you get: less than half of the memory is free",
              {"See whose programs these are; in a job, ask for a GPU of your own.",
               {"nvidia-smi --query-compute-apps=pid,process_name,used_memory --format=csv"}}),
      std::move(used));
}

Finding examine_mps(const Subject& subject) {
  constexpr int first_code = 805;
  constexpr int last_code = 810;
  constexpr const char* folder_name = "CUDA_MPS_PIPE_DIRECTORY";
  const host::NvidiaFacts& nvidia = subject.profile->nvidia;
  const LibcudaCandidate* library = winning_library(*subject.profile);
  const int code = library == nullptr ? 0 : library->init_code.value_or(0);
  const std::string folder = variable(subject, folder_name);
  if (code >= first_code && code <= last_code) {
    const host::CudaError& error = host::cuda_error(code);
    return failure(
        fmt::format("{} ({} {})", error.meaning, code, error.name),
        {"Run without MPS, or start its daemon again.",
         {folder.empty() ? "nvidia-cuda-mps-control -d" : fmt::format("unset {}", folder_name)}});
  }
  if (!folder.empty() && nvidia.mps_control == false) {
    return warning(
        fmt::format("{}={}, but no daemon of MPS listens there: programs run without it",
                    folder_name, folder),
        {"Start the daemon in your job, or unset the variable.", {"nvidia-cuda-mps-control -d"}});
  }
  const auto& devices = known_devices(*subject.profile);
  const bool serves =
      std::ranges::any_of(devices, [](const CudaDevice& device) { return device.mps == true; });
  if (serves) return pass("programs share the GPUs through MPS");
  if (!nvidia.mps_control) return unavailable("this profile does not tell whether MPS runs");
  return pass(*nvidia.mps_control ? "MPS's daemon is here, and the driver starts with it"
                                  : "MPS is not in use");
}

constexpr std::array checks = {
    in_job("G01", "count", "GPUs that programs get", examine_count),
    in_job("G02", "visible", "CUDA_VISIBLE_DEVICES", examine_visible),
    in_job("G03", "order", "Order in which CUDA counts the GPUs", examine_order),
    in_job("G04", "cc", "Compute capability of the GPUs", examine_capability),
    in_job("G05", "mode", "Compute mode: how many programs a GPU takes", examine_mode),
    in_job("G06", "mig", "GPUs that are cut into slices (MIG)", examine_mig),
    in_job("G07", "health", "GPUs that are lost or have broken memory", examine_health),
    in_job("G08", "memory", "Free memory of the GPUs", examine_memory),
    in_job("G09", "mps", "Sharing a GPU through MPS", examine_mps),
};

}  // namespace

std::span<const Check> device_checks() { return checks; }

}  // namespace hpcenv::doctor
