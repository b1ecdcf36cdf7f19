#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"

namespace hpcenv::doctor {

namespace {

constexpr const char* visible_name = "CUDA_VISIBLE_DEVICES";

struct KnownDevices {
  std::size_t count = 0;
  std::vector<std::string> uuids;  ///< empty where the driver was not started
};

KnownDevices known_devices(const host::NodeProfile& profile) {
  KnownDevices known;
  known.count = static_cast<std::size_t>(std::max(0, profile.nvidia.pci_gpus));
  const host::LibcudaCandidate* library = winning_library(profile);
  if (library == nullptr || library->devices.empty()) return known;
  known.count = library->devices.size();
  for (const host::CudaDevice& device : library->devices) known.uuids.push_back(device.uuid);
  return known;
}

/// What is wrong with an entry; empty where it is right, or nothing here can tell.
std::string fault_of(std::string_view entry, const KnownDevices& known) {
  if (const auto index = base::parse_unsigned(entry)) {
    if (known.count == 0 || *index < known.count) return {};
    return fmt::format("this node has only {}", known.count);
  }
  const bool is_uuid = entry.starts_with("GPU-") || entry.starts_with("MIG-");
  if (!is_uuid) return "that is neither an index nor a uuid";
  // The driver takes any unambiguous beginning; slices are listed only inside their own job.
  if (known.uuids.empty() || entry.starts_with("MIG-")) return {};
  const auto begins = [&](const std::string& uuid) { return uuid.starts_with(entry); };
  return std::ranges::any_of(known.uuids, begins) ? "" : "no such GPU here";
}

Finding hidden(const Subject& subject, const std::string& value) {
  const std::string text =
      fmt::format("{}='{}' hides all GPUs from every program", visible_name, value);
  if (!variable(subject, "SLURM_JOB_ID").empty()) {
    return warning(text + ": this job was given none",
                   {"Ask for a GPU when you submit.", {"sbatch --gpus=1 ..."}});
  }
  return warning(
      text, {"Unset it, unless that is what you want.", {fmt::format("unset {}", visible_name)}});
}

Finding examine_visible(const Subject& subject) {
  const auto given = subject.profile->environment.get(visible_name);
  if (!given)
    return pass(fmt::format("{} is not set: programs see what the node gives", visible_name));
  const std::string value(base::trim(*given));
  if (value.empty() || value == "-1" || value == "NoDevFiles") return hidden(subject, value);
  const std::vector<std::string_view> entries = base::split(value, ',');
  const host::LibcudaCandidate* library = winning_library(*subject.profile);
  // Then the driver took each of them; `devices` holds these only.
  if (library != nullptr && library->visible_devices &&
      static_cast<std::size_t>(*library->visible_devices) == entries.size()) {
    return pass(fmt::format("{}={} names GPUs of this node", visible_name, value));
  }
  const KnownDevices known = known_devices(*subject.profile);
  std::vector<std::string> good;
  std::vector<std::string> faults;
  for (const std::string_view raw : entries) {
    const std::string entry(base::trim(raw));
    std::string fault = fault_of(entry, known);
    if (fault.empty() && std::ranges::find(good, entry) != good.end()) fault = "it is named twice";
    if (fault.empty()) {
      good.push_back(entry);
    } else {
      faults.push_back(fmt::format("'{}': {}", entry, fault));
    }
  }
  if (faults.empty())
    return pass(fmt::format("{}={} names GPUs of this node", visible_name, value));
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

constexpr std::array checks = {
    Check{"G02", "visible", "CUDA_VISIBLE_DEVICES", false, examine_visible},
};

}  // namespace

std::span<const Check> device_checks() { return checks; }

}  // namespace hpcenv::doctor
