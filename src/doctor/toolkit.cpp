#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"

namespace hpcenv::doctor {

namespace {

std::string upper_bound_spec(host::CudaVersion cuda) { return "cuda-version<=" + cuda.text(); }

Remedy older_toolkit(const Subject& subject, host::CudaVersion cuda, std::string text) {
  return {std::move(text),
          {recreate_command(subject, fmt::format("cuda{}", cuda.major), {upper_bound_spec(cuda)})}};
}

Finding too_new(const Subject& subject, const Toolkit& toolkit, host::CudaVersion cuda) {
  const auto floor = host::driver_floor(toolkit.version);
  const std::string needs =
      floor ? fmt::format(", CUDA {} needs driver {} or newer", toolkit.version.major, *floor) : "";
  return with_evidence(
      failure(
          fmt::format("CUDA {} of this environment is too new for {}, which supports CUDA up "
                      "to {}{}",
                      toolkit.version.text(), driver_words(*subject.profile), cuda.text(), needs),
          older_toolkit(
              subject, cuda,
              fmt::format("Make an environment with CUDA {} or older, or use a "
                          "partition with a newer driver{}.",
                          cuda.text(), floor ? fmt::format(" ({} or newer)", *floor) : ""))),
      {toolkit.package});
}

Finding examine_major(const Subject& subject) {
  const auto toolkit = toolkit_of(subject);
  if (!toolkit) return pass("this environment holds no CUDA toolkit");
  const auto cuda = driver_cuda(*subject.profile);
  if (!cuda) {
    return unavailable(
        fmt::format("no driver here to compare CUDA {} with", toolkit->version.text()));
  }
  const std::string driver = driver_words(*subject.profile);
  if (toolkit->version.major <= cuda->major) {
    return with_evidence(pass(fmt::format("CUDA {} runs with {} (up to CUDA {})",
                                          toolkit->version.text(), driver, cuda->text())),
                         {toolkit->package});
  }
  if (const conda::PrefixRecord* compat = find_package(subject, "cuda-compat")) {
    return info(
        fmt::format("CUDA {} is newer than {} (up to CUDA {}); with cuda-compat {} in "
                    "LD_LIBRARY_PATH it runs on data-centre GPUs",
                    toolkit->version.text(), driver, cuda->text(), compat->record.version));
  }
  return too_new(subject, *toolkit, *cuda);
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

Finding examine_ptx(const Subject& subject) {
  const auto toolkit = toolkit_of(subject);
  const auto cuda = driver_cuda(*subject.profile);
  if (!toolkit) return pass("this environment holds no CUDA toolkit");
  if (!cuda) return unavailable("no driver here to compare with");
  if (toolkit->version.major != cuda->major || toolkit->version <= *cuda) {
    return pass(toolkit->version.major > cuda->major ? "the major version decides, see P01"
                                                     : "the driver compiles this toolkit's PTX");
  }
  std::vector<std::string> affected = driver_compilers(subject);
  const std::string whom =
      affected.empty() ? "programs that hand PTX to the driver" : base::join(affected, ", ");
  return with_evidence(
      warning(
          fmt::format("CUDA {} is newer than {} (up to CUDA {}): it runs by minor-version "
                      "compatibility, but {} will fail with error 222",
                      toolkit->version.text(), driver_words(*subject.profile), cuda->text(), whom),
          older_toolkit(subject, *cuda,
                        fmt::format("Where that matters, make an environment with CUDA {} or "
                                    "older; recent GPU builds may not exist for it.",
                                    cuda->text()))),
      std::move(affected));
}

struct GpuBuild {
  const char* package;
  const char* spec;  // that asks for the build with CUDA
};

constexpr std::array gpu_builds = {
    GpuBuild{"pytorch", "pytorch-gpu"},       GpuBuild{"libtorch", "pytorch-gpu"},
    GpuBuild{"jaxlib", "jaxlib=*=*cuda*"},    GpuBuild{"tensorflow-base", "tensorflow-gpu"},
    GpuBuild{"tensorflow", "tensorflow-gpu"},
};

Finding examine_cpu_build(const Subject& subject) {
  for (const GpuBuild& known : gpu_builds) {
    const conda::PrefixRecord* package = find_package(subject, known.package);
    const bool cpu_only =
        package != nullptr && package->record.build.find("cpu") != std::string::npos;
    if (!cpu_only) continue;
    const std::string what = package->record.dist_name();
    if (!has_gpu(*subject.profile)) {
      return info(
          fmt::format("{} is the build without CUDA, as right on a node without GPU", what));
    }
    return warning(fmt::format("{} is the build without CUDA, but this node has a GPU", what),
                   {"Make an environment that asks for the build with CUDA.",
                    {recreate_command(subject, "gpu", {known.spec})}});
  }
  return pass("no package here is a CPU build of something that can use a GPU");
}

constexpr std::array checks = {
    Check{"P01", "major", "CUDA toolkit and driver", true, examine_major},
    Check{"P03", "ptx.jit", "PTX of the toolkit and driver", true, examine_ptx},
    Check{"P04", "sass", "Libraries have code for this GPU", true, examine_coverage,
          Looks::at_profile, Cost::slow},
    Check{"P09", "cpu.build", "CPU builds on a GPU node", true, examine_cpu_build},
};

}  // namespace

std::span<const Check> toolkit_checks() { return checks; }

}  // namespace hpcenv::doctor
