// P01, P02, P03: the toolkit of the environment and the driver of the node.
#include <array>
#include <filesystem>
#include <set>
#include <utility>

#include "base/text.hpp"
#include "doctor/gpu_code.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"
#include "doctor/toolkit_group.hpp"
#include "host/compat.hpp"
#include "host/elf.hpp"

namespace hpcenv::doctor {

namespace {

/// The driver's version; of the library where the module's is not known, but never of a
/// forward-compatibility library.
std::string driver_version(const host::NodeProfile& profile) {
  if (!profile.nvidia.kernel_module.empty()) return profile.nvidia.kernel_module;
  for (const host::LibcudaCandidate& library : profile.nvidia.libcuda) {
    if (library.is_stub || library.compat || library.file_version.empty()) continue;
    if (!host::is_compat_library(library, "")) return library.file_version;
  }
  return {};
}

Finding too_new(const Subject& subject, const Toolkit& toolkit, host::CudaVersion cuda) {
  const auto floor = host::driver_floor(toolkit.version);
  const std::string needs =
      floor ? fmt::format(", CUDA {} needs driver {} or newer", toolkit.version.major, *floor) : "";
  // Within a major every minor runs; the solver prefers what the driver knows itself.
  const std::string spec = fmt::format("cuda-version={}", cuda.major);
  Remedy remedy{
      fmt::format("Make an environment with CUDA {}, or use a partition with a newer driver{}.",
                  cuda.major, floor ? fmt::format(" ({} or newer)", *floor) : ""),
      {recreate_command(subject, fmt::format("cuda{}", cuda.major), {spec})}};
  return with_evidence(
      failure(
          fmt::format("CUDA {} of this environment is too new for {}, which supports CUDA up "
                      "to {}{}",
                      toolkit.version.text(), driver_words(*subject.profile), cuda.text(), needs),
          std::move(remedy)),
      {toolkit.package});
}

/// What the libcuda of the package cuda-compat says of itself: its record has CUDA's version, its
/// file the driver's.
host::CompatVerdict verdict_on_package(const Subject& subject, const conda::PrefixRecord& compat) {
  host::LibcudaCandidate library;
  for (const conda::PrefixRecord& package : subject.environment->packages) {
    for (const conda::InstalledPath& path : package.paths) {
      constexpr std::string_view start = "cuda-compat/libcuda.so.";
      const bool versioned =
          path.path.starts_with(start) && path.path.find('.', start.size()) != std::string::npos;
      if (!versioned) continue;
      library.file_version = path.path.substr(start.size());
      const auto file = host::MappedFile::open(subject.environment->prefix / path.path);
      if (file) library.compat = host::read_compat_note(file->bytes());
    }
  }
  if (const auto* files = find_package(subject, "cuda-compat-impl")) {
    if (library.file_version.empty()) library.file_version = files->record.version;
  }
  host::CompatQuestion question = host::compat_question(library, subject.profile->nvidia);
  question.library_cuda = host::parse_cuda_version(compat.record.version);
  return host::compat_verdict(question);
}

std::optional<Finding> rescued(const Subject& subject, const Toolkit& toolkit) {
  const conda::PrefixRecord* compat = find_package(subject, "cuda-compat");
  const std::string driver = driver_words(*subject.profile);
  if (compat == nullptr) return std::nullopt;
  const auto its_cuda = host::parse_cuda_version(compat->record.version);
  if (!its_cuda || its_cuda->major < toolkit.version.major) return std::nullopt;
  const host::CompatVerdict verdict = verdict_on_package(subject, *compat);
  if (verdict.use != host::CompatUse::allowed) return std::nullopt;
  return info(fmt::format(
      "CUDA {} is newer than {}; `hpcenv run --cuda-compat` runs it with cuda-compat {}{}",
      toolkit.version.text(), driver, compat->record.version,
      verdict.doubt.empty() ? "" : "; " + verdict.doubt));
}

std::vector<std::string> driver_compilers(const Subject& subject) {
  std::vector<std::string> found;
  for (const char* name : {"openmm", "numba", "numba-cuda", "cuda-nvcc"}) {
    if (const conda::PrefixRecord* package = find_package(subject, name)) {
      found.push_back(fmt::format("{} {}", name, package->record.version));
    }
  }
  return found;
}

/// Libraries that the driver has to compile for a GPU of the node.
std::vector<std::string> jit_libraries(const Subject& subject) {
  std::vector<std::string> found;
  const std::set<Capability> gpus = capabilities(*subject.profile);
  if (gpus.empty()) return found;
  for (const LibraryCode& library : scan_gpu_code(subject).libraries) {
    for (const Capability& gpu : gpus) {
      if (host::coverage_of(library.targets, gpu.first, gpu.second) != host::Coverage::jit_only) {
        continue;
      }
      found.push_back(library.path);
      break;
    }
  }
  return found;
}

Finding jit_fails(const Subject& subject, const Toolkit& toolkit, host::CudaVersion cuda) {
  std::vector<std::string> affected = driver_compilers(subject);
  const std::vector<std::string> libraries = jit_libraries(subject);
  affected.insert(affected.end(), libraries.begin(), libraries.end());
  const std::string whom =
      affected.empty() ? "programs that hand PTX to the driver" : base::join(affected, ", ");
  return with_evidence(
      warning(
          fmt::format("CUDA {} is newer than {} (up to CUDA {}): it runs by minor-version "
                      "compatibility, but {} will fail with error 222",
                      toolkit.version.text(), driver_words(*subject.profile), cuda.text(), whom),
          {fmt::format("Where that matters, make an environment with CUDA {} or older; recent GPU "
                       "builds may not exist for it.",
                       cuda.text()),
           {recreate_command(subject, fmt::format("cuda{}", cuda.major),
                             {"cuda-version<=" + cuda.text()})}}),
      std::move(affected));
}

}  // namespace

Finding examine_major(const Subject& subject) {
  const auto toolkit = toolkit_of(subject);
  if (!toolkit) return pass("this environment holds no CUDA toolkit");
  const auto cuda = driver_cuda(*subject.profile);
  if (!cuda) {
    return unavailable(fmt::format("no driver on {} to compare CUDA {} with", node_words(subject),
                                   toolkit->version.text()));
  }
  if (toolkit->version.major <= cuda->major) {
    return with_evidence(
        pass(fmt::format("CUDA {} runs with {} (up to CUDA {})", toolkit->version.text(),
                         driver_words(*subject.profile), cuda->text())),
        {toolkit->package});
  }
  if (const auto finding = rescued(subject, *toolkit)) return *finding;
  return too_new(subject, *toolkit, *cuda);
}

Finding examine_driver_floor(const Subject& subject) {
  const auto toolkit = toolkit_of(subject);
  if (!toolkit) return pass("this environment holds no CUDA toolkit");
  const std::string driver = driver_version(*subject.profile);
  const auto cuda = driver_cuda(*subject.profile);
  if (driver.empty()) return unavailable("the driver's version is not known");
  if (cuda && toolkit->version.major != cuda->major) {
    return pass("the major version decides, see P01");
  }
  const auto floor = host::driver_floor(toolkit->version);
  if (!floor) {
    return unavailable(
        fmt::format("hpcenv knows no lowest driver for CUDA {}", toolkit->version.text()));
  }
  if (!host::is_older_driver(driver, *floor)) {
    return pass(fmt::format("driver {} is not older than {}, the lowest for CUDA {}", driver,
                            *floor, toolkit->version.text()));
  }
  const auto newest = host::newest_cuda_for(driver);
  Remedy remedy{fmt::format("Use a partition with driver {} or newer; this lists them.", *floor),
                {"sinfo --format=\"%P %G\""}};
  if (newest) {
    remedy = {fmt::format("Make an environment with CUDA {} or older, or use a partition with "
                          "driver {} or newer.",
                          newest->text(), *floor),
              {recreate_command(subject, "older", {"cuda-version<=" + newest->text()})}};
  }
  return with_evidence(
      failure(fmt::format("driver {} is older than {}, the lowest for CUDA {}: programs fail with "
                          "error 35 (insufficient driver)",
                          driver, *floor, toolkit->version.text()),
              std::move(remedy)),
      {toolkit->package});
}

Finding examine_ptx(const Subject& subject) {
  const auto toolkit = toolkit_of(subject);
  const auto cuda = driver_cuda(*subject.profile);
  if (!toolkit) return pass("this environment holds no CUDA toolkit");
  if (!cuda)
    return unavailable(fmt::format("no driver on {} to compare with", node_words(subject)));
  if (toolkit->version.major > cuda->major) return pass("the major version decides, see P01");
  if (toolkit->version <= *cuda) return pass("the driver compiles this toolkit's PTX");
  return jit_fails(subject, *toolkit, *cuda);
}

}  // namespace hpcenv::doctor
