// P04: machine code for the node's GPUs in the libraries of the environment.
#include <algorithm>
#include <set>
#include <utility>

#include "base/text.hpp"
#include "doctor/gpu_code.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"
#include "doctor/toolkit_group.hpp"

namespace hpcenv::doctor {

namespace {

using host::Coverage;

/// Of the libraries, those that some GPU of the node gets nothing better from.
struct Lacks {
  std::vector<std::string> none;
  std::vector<std::string> jit_only;
  std::set<std::string> packages;  ///< that hold what runs nowhere here
  std::set<Capability> without;    ///< GPUs that nothing runs on
};

std::string describe(const LibraryCode& library, const Capability& capability) {
  std::vector<std::string> codes;
  codes.reserve(library.targets.sass.size() + library.targets.ptx.size());
  for (const auto& [code, count] : library.targets.sass) codes.push_back("sm_" + code.text());
  for (const auto& [code, count] : library.targets.ptx) codes.push_back("compute_" + code.text());
  return fmt::format("{} for {}: it has {}", library.path, capability_text(capability),
                     base::join(codes, " "));
}

Lacks lacks_of(const GpuCodeScan& scan, const std::set<Capability>& gpus) {
  Lacks lacks;
  for (const LibraryCode& library : scan.libraries) {
    for (const Capability& gpu : gpus) {
      const Coverage coverage = host::coverage_of(library.targets, gpu.first, gpu.second);
      if (coverage == Coverage::jit_only) lacks.jit_only.push_back(describe(library, gpu));
      if (coverage != Coverage::none) continue;
      lacks.none.push_back(describe(library, gpu));
      lacks.without.insert(gpu);
      lacks.packages.insert(library.package.empty() ? library.path : library.package);
    }
  }
  return lacks;
}

/// What brings code for GPUs that have none: an older CUDA, a newer one, or other GPUs.
Remedy remedy_for(const Subject& subject, const Lacks& lacks) {
  // CUDA 12 begins with Maxwell; CUDA 13 and cuDNN 9.11 dropped what is before Turing
  // (facts/cuda.md 1.6 and 4).
  constexpr Capability maxwell{5, 0};
  const Capability lowest = *lacks.without.begin();
  const Capability highest = *lacks.without.rbegin();
  if (lowest >= maxwell && highest < turing) {
    std::vector<std::string> specs{"cuda-version=12"};
    const bool with_cudnn = find_package(subject, "libcudnn") || find_package(subject, "cudnn");
    if (with_cudnn) specs.emplace_back("libcudnn<9.11");
    return {"GPUs before compute capability 7.5 need CUDA 12 and cuDNN before 9.11.",
            {recreate_command(subject, "cuda12", specs)}};
  }
  const auto toolkit = toolkit_of(subject);
  const auto first = host::first_cuda_for(highest.first, highest.second);
  const auto driver = driver_cuda(*subject.profile);
  if (toolkit && first && toolkit->version < *first && driver && driver->major >= first->major) {
    return {fmt::format("GPUs of compute capability {} need CUDA {} or newer.",
                        capability_text(highest), first->text()),
            {recreate_command(subject, "newer", {"cuda-version>=" + first->text()})}};
  }
  return {"Use a partition with GPUs that these packages were built for; this lists them.",
          {"sinfo --format=\"%P %G\""}};
}

Finding no_code(const Subject& subject, Lacks lacks) {
  const std::vector<std::string> packages(lacks.packages.begin(), lacks.packages.end());
  Finding finding = failure(
      fmt::format("{} without code for GPUs of compute capability {} on {}, which ends in error "
                  "209 (no kernel image): {}",
                  lacks.none.size() == 1 ? "a library is" : "libraries are",
                  capabilities_text(lacks.without), node_words(subject),
                  base::join(packages, ", ")),
      remedy_for(subject, lacks));
  return with_evidence(std::move(finding), std::move(lacks.none));
}

Finding only_ptx(const Subject& subject, Lacks lacks) {
  const auto toolkit = toolkit_of(subject);
  const auto driver = driver_cuda(*subject.profile);
  const bool fails = toolkit && driver && toolkit->version > *driver;
  const std::string then =
      fails ? fmt::format("and this driver (up to CUDA {}) refuses that of CUDA {} with error 222",
                          driver->text(), toolkit->version.text())
            : "which is slow and needs a driver as new as the toolkit";
  return with_evidence(
      warning(fmt::format("libraries bring only PTX for the GPU of {}: the driver compiles it at "
                          "the first start, {}",
                          node_words(subject), then),
              {"Let the cache lie where there is room, and see what P03 says.",
               {"export CUDA_CACHE_PATH=\"$SCRATCH/.nv\""}}),
      std::move(lacks.jit_only));
}

}  // namespace

Finding examine_coverage(const Subject& subject) {
  const std::set<Capability> gpus = capabilities(*subject.profile);
  if (gpus.empty()) {
    return capabilities_unknown(subject);
  }
  GpuCodeScan scan = scan_gpu_code(subject);
  Lacks lacks = lacks_of(scan, gpus);
  if (!lacks.none.empty()) return no_code(subject, std::move(lacks));
  if (!lacks.jit_only.empty()) return only_ptx(subject, std::move(lacks));
  if (!scan.unreadable.empty()) {
    const std::size_t count = scan.unreadable.size();
    return with_evidence(unavailable(fmt::format("CUDA libraries that cannot be read: {}", count)),
                         std::move(scan.unreadable));
  }
  if (scan.libraries.empty()) return pass("no library here brings GPU code");
  return pass(fmt::format("all CUDA libraries have code for the GPU of {}", node_words(subject)));
}

}  // namespace hpcenv::doctor
