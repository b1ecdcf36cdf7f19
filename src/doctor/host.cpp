#include <array>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "conda/match_spec.hpp"
#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"

namespace hpcenv::doctor {

namespace {

// Current libcudnn, nccl and libcublas ask for 2.28, hardly anything is still built for less than
// 2.17 (facts/cuda.md 5.3).
constexpr host::CudaVersion usual{2, 28};
constexpr host::CudaVersion oldest{2, 17};

/// Packages of the environment that this glibc does not satisfy.
std::vector<std::string> unsatisfied(const Subject& subject, const std::string& glibc) {
  std::vector<std::string> found;
  if (subject.environment == nullptr) return found;
  conda::PackageRecord record;
  record.name = "__glibc";
  record.version = glibc;
  record.build = "0";
  for (const conda::PrefixRecord& package : subject.environment->packages) {
    for (const std::string& depend : package.record.depends) {
      if (!depend.starts_with("__glibc")) continue;
      const auto spec = conda::MatchSpec::parse(depend);
      if (spec && !spec->matches(record)) {
        found.push_back(fmt::format("{} needs {}", package.record.dist_name(), depend));
      }
    }
  }
  return found;
}

Finding examine_glibc(const Subject& subject) {
  const std::string& glibc = subject.profile->glibc;
  // Two numbers compare as those of a CUDA version do.
  const auto version = host::parse_cuda_version(glibc);
  if (glibc.empty() || !version) {
    return failure(
        "this host starts no program that is linked with glibc (Alpine, a minimal "
        "container?), so conda packages do not run here",
        {"Use a node or a container image with glibc 2.28 or newer.", {}});
  }
  std::vector<std::string> needing = unsatisfied(subject, glibc);
  if (!needing.empty()) {
    Finding finding = failure(
        fmt::format("glibc {} of this node is too old for {} packages of this environment", glibc,
                    needing.size()),
        {"Make the environment anew for this node's glibc, or use nodes with a newer system.",
         {"CONDA_OVERRIDE_GLIBC=" + glibc + " " + recreate_command(subject, "old", {})}});
    return with_evidence(std::move(finding), std::move(needing));
  }
  if (*version < oldest) {
    return failure(
        fmt::format("glibc {} is older than anything that packages are built for", glibc),
        {"Use nodes with a newer system.", {}});
  }
  if (*version < usual) {
    return warning(fmt::format("glibc {} runs older packages only: current cuDNN, NCCL and cuBLAS "
                               "need {}",
                               glibc, usual.text()),
                   {"Use nodes with a newer system, or older versions of CUDA packages.",
                    {"hpcenv create -n NAME \"cuda-version<12.9\" ..."}});
  }
  return pass(fmt::format("glibc {} runs current packages", glibc));
}

constexpr std::array checks = {
    Check{"H01", "glibc", "C library of the host", false, examine_glibc},
};

}  // namespace

std::span<const Check> host_checks() { return checks; }

}  // namespace hpcenv::doctor
