#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "base/text.hpp"
#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"
#include "host/elf.hpp"
#include "host/fatbin.hpp"

namespace hpcenv::doctor {

namespace {

using host::Coverage;
using Capability = std::pair<int, int>;

// Libraries that bring kernels. libcufft is left out: it keeps them where no header shows them.
constexpr std::array patterns = {
    "libcublas*.so*",   "libcudnn*.so*",       "libcusolver*.so*",   "libcusparse*.so*",
    "libcurand*.so*",   "libnccl.so*",         "libtorch_cuda*.so*", "libtensorflow*.so*",
    "libcutensor*.so*", "xla_cuda_plugin*.so",
};

bool is_cuda_library(const conda::InstalledPath& path) {
  if (path.path_type == "softlink" || path.path_type == "directory") return false;
  const std::size_t slash = path.path.rfind('/');
  const std::string name = slash == std::string::npos ? path.path : path.path.substr(slash + 1);
  return std::ranges::any_of(patterns,
                             [&](const char* pattern) { return base::glob_match(pattern, name); });
}

std::set<Capability> capabilities(const host::NodeProfile& profile) {
  std::set<Capability> found;
  for (const host::LibcudaCandidate& library : profile.nvidia.libcuda) {
    for (const host::CudaDevice& device : library.devices) {
      if (device.capability_major > 0) {
        found.insert({device.capability_major, device.capability_minor});
      }
    }
  }
  return found;
}

std::string text_of(const Capability& capability) {
  return fmt::format("{}.{}", capability.first, capability.second);
}

struct Scan {
  std::vector<std::string> none;
  std::vector<std::string> jit_only;
  std::set<std::string> packages;  ///< that hold what is not covered
  std::size_t covered = 0;
  std::size_t unreadable = 0;
};

std::string describe(const std::string& path, const host::FatbinTargets& targets,
                     const Capability& capability) {
  std::vector<std::string> codes;
  codes.reserve(targets.sass.size() + targets.ptx.size());
  for (const auto& [code, count] : targets.sass) codes.push_back("sm_" + code.text());
  for (const auto& [code, count] : targets.ptx) codes.push_back("compute_" + code.text());
  return fmt::format("{} for {}: it has {}", path, text_of(capability), base::join(codes, " "));
}

void scan_library(const Subject& subject, const conda::PrefixRecord& package,
                  const conda::InstalledPath& path, Scan& scan) {
  const auto file = host::MappedFile::open(subject.environment->prefix / path.path);
  if (!file) {
    ++scan.unreadable;
    return;
  }
  const auto targets = host::scan_fatbin_file(file->bytes());
  if (!targets) return;  // a linker script or the like: no library, so no kernels
  for (const Capability& capability : capabilities(*subject.profile)) {
    const Coverage coverage = host::coverage_of(*targets, capability.first, capability.second);
    if (coverage == Coverage::covered) ++scan.covered;
    if (coverage == Coverage::none) {
      scan.none.push_back(describe(path.path, *targets, capability));
      scan.packages.insert(package.record.dist_name());
    }
    if (coverage == Coverage::jit_only) {
      scan.jit_only.push_back(describe(path.path, *targets, capability));
    }
  }
}

Finding no_code(const Subject& subject, Scan scan) {
  const std::vector<std::string> packages(scan.packages.begin(), scan.packages.end());
  const Capability lowest = *capabilities(*subject.profile).begin();
  // CUDA 12 begins with Maxwell; CUDA 13 and cuDNN 9.11 dropped what is before Turing
  // (facts/cuda.md 1.6 and 4).
  constexpr Capability maxwell{5, 0};
  constexpr Capability turing{7, 5};
  Remedy remedy{"Use a partition with GPUs that these packages were built for.", {}};
  if (lowest >= maxwell && lowest < turing) {
    remedy = {"GPUs before compute capability 7.5 need CUDA 12 and cuDNN before 9.11.",
              {recreate_command(subject, "cuda12", {"cuda-version=12", "libcudnn<9.11"})}};
  }
  Finding finding =
      failure(fmt::format("{} without code for this node's GPU, which ends in error 209 (no kernel "
                          "image): {}",
                          scan.none.size() == 1 ? "a library is" : "libraries are",
                          base::join(packages, ", ")),
              std::move(remedy));
  return with_evidence(std::move(finding), std::move(scan.none));
}

}  // namespace

Finding examine_coverage(const Subject& subject) {
  if (capabilities(*subject.profile).empty()) {
    return unavailable("no GPU was seen here, so there is nothing to compare the libraries with");
  }
  Scan scan;
  for (const conda::PrefixRecord& package : subject.environment->packages) {
    for (const conda::InstalledPath& path : package.paths) {
      if (is_cuda_library(path)) scan_library(subject, package, path, scan);
    }
  }
  if (!scan.none.empty()) return no_code(subject, std::move(scan));
  if (!scan.jit_only.empty()) {
    return with_evidence(
        warning("libraries bring only PTX for this node's GPU: the driver compiles it at the first "
                "start, which is slow and needs a driver as new as the toolkit",
                {"Let the cache lie where there is room, and see what P03 says.",
                 {"export CUDA_CACHE_PATH=\"$SCRATCH/.nv\""}}),
        std::move(scan.jit_only));
  }
  if (scan.unreadable > 0) {
    return unavailable(fmt::format("{} CUDA libraries cannot be read", scan.unreadable));
  }
  if (scan.covered == 0) return pass("no library here brings GPU code");
  return pass("all CUDA libraries have code for this node's GPU");
}

}  // namespace hpcenv::doctor
