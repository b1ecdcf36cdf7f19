// P09: builds without CUDA where there are GPUs.
#include <algorithm>
#include <array>
#include <string>

#include "base/text.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"
#include "doctor/toolkit_group.hpp"

namespace hpcenv::doctor {

namespace {

struct GpuBuild {
  const char* package;
  const char* spec;  // that asks for the build with CUDA
};

constexpr std::array gpu_builds = {
    GpuBuild{"pytorch", "pytorch-gpu"},       GpuBuild{"libtorch", "pytorch-gpu"},
    GpuBuild{"jaxlib", "jaxlib=*=*cuda*"},    GpuBuild{"tensorflow-base", "tensorflow-gpu"},
    GpuBuild{"tensorflow", "tensorflow-gpu"}, GpuBuild{"lightgbm", "lightgbm=*=*cuda*"},
};

/// cupy-core names NVIDIA's libraries as constraints only: it installs without any of them, and
/// then imports nowhere (facts/cuda.md 5.3).
std::optional<Finding> cupy_alone(const Subject& subject) {
  const conda::PrefixRecord* cupy = find_package(subject, "cupy-core");
  if (cupy == nullptr || find_package(subject, "libcublas") != nullptr ||
      find_package(subject, "cudatoolkit") != nullptr) {
    return std::nullopt;
  }
  return warning(
      fmt::format("{} is here without the CUDA libraries that it loads", cupy->record.dist_name()),
      {"Add the package that brings them.",
       {fmt::format("hpcenv install{} cupy", environment_option(subject))}});
}

/// Of a package on a node without GPU: jobs may run where there are some.
Finding without_gpu_here(const Subject& subject, const std::string& package, const char* spec) {
  if (subject.slurm && subject.target.empty()) {
    const auto& partitions = subject.slurm->site.partitions;
    const auto found = std::ranges::find_if(partitions, has_gpus);
    if (found != partitions.end()) {
      const std::string name = shell_word(found->name);
      return warning(
          fmt::format("{} is the build without CUDA; jobs in partition {}, which has GPUs, would "
                      "compute without them",
                      package, found->name),
          {fmt::format("Fine where they are not for a GPU. Else make a target of such a node, and "
                       "with `create --on {}` an environment that asks for {}.",
                       name, spec),
           {fmt::format("hpcenv target add {0} --partition {0}", name)}});
    }
  }
  return info(
      fmt::format("{} is the build without CUDA, as right on a node without GPU; for jobs on GPUs "
                  "`hpcenv create --on TARGET` takes the other",
                  package));
}

}  // namespace

Finding examine_cpu_build(const Subject& subject) {
  std::optional<Finding> harmless;
  for (const GpuBuild& known : gpu_builds) {
    const conda::PrefixRecord* package = find_package(subject, known.package);
    const bool cpu_only =
        package != nullptr && package->record.build.find("cpu") != std::string::npos;
    if (!cpu_only) continue;
    const std::string what = package->record.dist_name();
    if (!has_gpu(*subject.profile)) {
      if (!harmless) harmless = without_gpu_here(subject, what, known.spec);
      continue;
    }
    return warning(
        fmt::format("{} is the build without CUDA, but {} has a GPU", what, node_words(subject)),
        {"Make an environment that asks for the build with CUDA.",
         {recreate_command(subject, "gpu", {known.spec})}});
  }
  if (const auto cupy = cupy_alone(subject)) return *cupy;
  if (harmless) return *harmless;
  return pass("no package here is a CPU build of something that can use a GPU");
}

}  // namespace hpcenv::doctor
