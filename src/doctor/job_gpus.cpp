// S03: what Slurm gave to a job against what programs see. Slurm numbers a node's GPUs; in a job
// whose devices are fenced off, CUDA numbers from 0 again, so that only counts can be compared.
#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"

namespace hpcenv::doctor {

namespace {

/// What was given to this step, job or node share.
struct Grant {
  std::optional<std::size_t> count;     ///< nullopt: Slurm says nothing
  std::optional<std::size_t> per_task;  ///< of a step whose tasks have GPUs of their own
  std::string ids;                      ///< Slurm's numbers, "0,1"
  std::vector<std::string> evidence;
};

std::optional<std::size_t> last_number(const std::string& value) {
  const auto number = base::parse_unsigned(value.substr(value.rfind(':') + 1));
  return number ? std::optional(static_cast<std::size_t>(*number)) : std::nullopt;
}

Grant grant_of(const Subject& subject) {
  Grant grant;
  for (const char* name : {"SLURM_GPUS_ON_NODE", "SLURM_JOB_GPUS", "SLURM_STEP_GPUS",
                           "SLURM_GPUS_PER_TASK", "CUDA_VISIBLE_DEVICES"}) {
    const auto value = subject.profile->environment.get(name);
    if (value) grant.evidence.push_back(fmt::format("{}={}", name, *value));
  }
  const std::string on_node = variable(subject, "SLURM_GPUS_ON_NODE");
  if (!on_node.empty()) grant.count = last_number(on_node);
  for (const char* name : {"SLURM_JOB_GPUS", "SLURM_STEP_GPUS"}) {
    const std::string value = variable(subject, name);
    if (value.empty()) continue;
    grant.ids = value;
    grant.count = base::split(value, ',').size();
  }
  const std::string per_task = variable(subject, "SLURM_GPUS_PER_TASK");
  if (!per_task.empty()) grant.per_task = last_number(per_task);
  return grant;
}

const host::LibcudaCandidate* asked_library(const Subject& subject) {
  const host::LibcudaCandidate* library = winning_library(*subject.profile);
  return library != nullptr && library->init_code ? library : nullptr;
}

std::optional<std::size_t> visible(const Subject& subject) {
  const host::LibcudaCandidate* library = asked_library(subject);
  if (library == nullptr) return std::nullopt;
  if (library->visible_devices) return static_cast<std::size_t>(*library->visible_devices);
  return library->devices.size();
}

/// Whether the driver was asked for its GPUs and does not start for anybody: D10 judges that.
bool driver_fails(const Subject& subject) {
  const host::LibcudaCandidate* library = asked_library(subject);
  return library != nullptr && *library->init_code != 0 && library->devices.empty();
}

std::vector<std::string> entries_of(const Subject& subject) {
  std::vector<std::string> entries;
  const std::string value = variable(subject, "CUDA_VISIBLE_DEVICES");
  for (const std::string_view entry : base::split(value, ',')) {
    if (!base::trim(entry).empty()) entries.emplace_back(base::trim(entry));
  }
  return entries;
}

bool has_slices(const Subject& subject) {
  const auto is_slice = [](const std::string& uuid) { return uuid.starts_with("MIG-"); };
  const host::LibcudaCandidate* library = asked_library(subject);
  return std::ranges::any_of(entries_of(subject), is_slice) ||
         (library != nullptr &&
          std::ranges::any_of(library->devices, is_slice, &host::CudaDevice::uuid));
}

/// A GPU that is named by uuid and is not one of the job's; empty: none.
std::string foreign_gpu(const Subject& subject) {
  const host::LibcudaCandidate* library = asked_library(subject);
  if (library == nullptr || library->devices.empty()) return "";
  for (const std::string& entry : entries_of(subject)) {
    const bool known = std::ranges::any_of(library->devices, [&](const host::CudaDevice& device) {
      return device.uuid.starts_with(entry);
    });
    if (entry.starts_with("GPU-") && !known) return entry;
  }
  return "";
}

/// The value with which programs see just what the job has.
std::string corrected(const Subject& subject, const Grant& grant) {
  const host::LibcudaCandidate* library = asked_library(subject);
  const std::size_t count = grant.count.value_or(0);
  const bool fenced = library != nullptr && library->devices.size() <= count;
  if (fenced || (grant.ids.empty() && library == nullptr)) return "unset CUDA_VISIBLE_DEVICES";
  if (!grant.ids.empty()) return "export CUDA_VISIBLE_DEVICES=" + shell_word(grant.ids);
  return "unset CUDA_VISIBLE_DEVICES";
}

bool partition_has_gpus(const Subject& subject) {
  if (!subject.slurm) return false;
  const slurm::Partition* partition =
      slurm::find_partition(subject.slurm->site, variable(subject, "SLURM_JOB_PARTITION"));
  return partition != nullptr && has_gpus(*partition);
}

Finding without_gpu(const Subject& subject, const std::string& job, Grant grant) {
  const int here = subject.profile->nvidia.pci_gpus;
  const bool partition = partition_has_gpus(subject);
  if (here == 0 && !partition) {
    return pass(fmt::format("job {} has no GPU, and neither has this node", job));
  }
  const std::string where = here > 0 ? fmt::format("on a node with {} GPUs", here)
                                     : fmt::format("in partition {}, which has GPUs",
                                                   variable(subject, "SLURM_JOB_PARTITION"));
  return with_evidence(warning(fmt::format("job {} runs {}, but was given none", job, where),
                               {"Ask for a GPU when you submit.", {"sbatch --gpus=1 ..."}}),
                       std::move(grant.evidence));
}

/// CUDA_VISIBLE_DEVICES against what Slurm gave; nullopt: it does not ask for more.
std::optional<Finding> asks_for_more(const Subject& subject, const std::string& job,
                                     const Grant& grant) {
  const Remedy remedy{"Let programs see what Slurm gave.", {corrected(subject, grant)}};
  if (const std::string uuid = foreign_gpu(subject); !uuid.empty()) {
    return failure(
        fmt::format("CUDA_VISIBLE_DEVICES names {}, which job {} does not have", uuid, job),
        remedy);
  }
  const std::size_t named = entries_of(subject).size();
  if (named <= *grant.count) return std::nullopt;
  return failure(fmt::format("CUDA_VISIBLE_DEVICES names {} GPUs, but Slurm gave job {} {}: the "
                             "others may be those of other jobs",
                             named, job, *grant.count),
                 remedy);
}

Finding sees_fewer(const Subject& subject, const Grant& grant, std::string text,
                   std::size_t expected) {
  const std::size_t named = entries_of(subject).size();
  if (named != 0 && named < expected) {
    return failure(std::move(text),
                   {"Let programs see what Slurm gave.", {corrected(subject, grant)}});
  }
  return failure(std::move(text),
                 {"Look at CUDA_VISIBLE_DEVICES, and tell the administrators if it is not that.",
                  {"echo \"$CUDA_VISIBLE_DEVICES $SLURM_JOB_GPUS\""}});
}

Finding with_gpus(const Subject& subject, const std::string& job, const Grant& grant) {
  if (const auto more = asks_for_more(subject, job, grant)) return *more;
  const std::string gpus = gpus_text(*grant.count);
  if (has_slices(subject)) {
    return info(
        fmt::format("job {} has {} of MIG slices; a CUDA program sees one slice at a time, "
                    "whatever it is given",
                    job, gpus));
  }
  if (driver_fails(subject)) {
    return info(
        fmt::format("job {} has {}; the driver does not start, so that programs see none: D10 "
                    "says why, and what to do",
                    job, gpus));
  }
  const auto seen = visible(subject);
  const std::size_t expected = grant.per_task.value_or(*grant.count);
  if (!seen || *seen >= expected) return pass(fmt::format("job {} has {}", job, gpus));
  return sees_fewer(subject, grant,
                    fmt::format("Slurm gave job {} {}, but programs see {}", job, gpus, *seen),
                    expected);
}

}  // namespace

Finding examine_job(const Subject& subject) {
  const std::string job = variable(subject, "SLURM_JOB_ID");
  if (job.empty()) return pass("not inside a Slurm job");
  Grant grant = grant_of(subject);
  grant.evidence.insert(grant.evidence.begin(), "SLURM_JOB_ID=" + job);
  if (!grant.count || *grant.count == 0) return without_gpu(subject, job, std::move(grant));
  Finding finding = with_gpus(subject, job, grant);
  return with_evidence(std::move(finding), std::move(grant.evidence));
}

}  // namespace hpcenv::doctor
