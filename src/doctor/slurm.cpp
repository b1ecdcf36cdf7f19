#include <array>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"

namespace hpcenv::doctor {

namespace {

/// How many GPUs Slurm gave to this step, job or node share; nullopt where it says nothing.
std::optional<std::size_t> granted(const Subject& subject, std::vector<std::string>& evidence) {
  std::optional<std::size_t> count;
  for (const char* name : {"SLURM_GPUS_ON_NODE", "SLURM_JOB_GPUS", "SLURM_STEP_GPUS"}) {
    const std::string value = variable(subject, name);
    if (value.empty()) continue;
    evidence.push_back(fmt::format("{}={}", name, value));
    const bool is_count = std::string_view(name) == "SLURM_GPUS_ON_NODE";
    const auto number = base::parse_unsigned(value);
    count = is_count && number ? static_cast<std::size_t>(*number) : base::split(value, ',').size();
  }
  return count;
}

std::optional<std::size_t> visible(const Subject& subject) {
  const host::LibcudaCandidate* library = winning_library(*subject.profile);
  if (library == nullptr || !library->init_code) return std::nullopt;
  if (library->visible_devices) return static_cast<std::size_t>(*library->visible_devices);
  return library->devices.size();
}

Finding examine_job(const Subject& subject) {
  const std::string job = variable(subject, "SLURM_JOB_ID");
  if (job.empty()) return pass("not inside a Slurm job");
  std::vector<std::string> evidence{"SLURM_JOB_ID=" + job};
  const auto given = granted(subject, evidence);
  if (!given || *given == 0) {
    if (subject.profile->nvidia.pci_gpus == 0) {
      return pass(fmt::format("job {} has no GPU, and neither has this node", job));
    }
    return with_evidence(
        warning(fmt::format("job {} runs on a node with {} GPUs, but was given none", job,
                            subject.profile->nvidia.pci_gpus),
                {"Ask for a GPU when you submit.", {"sbatch --gpus=1 ..."}}),
        std::move(evidence));
  }
  const auto seen = visible(subject);
  if (seen && *seen < *given) {
    return with_evidence(
        failure(fmt::format("Slurm gave job {} {} GPUs, but programs see {}", job, *given, *seen),
                {"Look at CUDA_VISIBLE_DEVICES, and tell the administrators if it is not that.",
                 {"echo \"$CUDA_VISIBLE_DEVICES $SLURM_JOB_GPUS\""}}),
        std::move(evidence));
  }
  return with_evidence(
      pass(fmt::format("job {} has {} GPU{}", job, *given, *given == 1 ? "" : "s")),
      std::move(evidence));
}

constexpr std::array checks = {
    Check{"S03", "in.job", "GPUs of this Slurm job", false, examine_job},
};

}  // namespace

std::span<const Check> slurm_checks() { return checks; }

}  // namespace hpcenv::doctor
