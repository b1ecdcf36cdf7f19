// P05, P06, P07: cuDNN and the toolkit beside the GPU, and beside each other.
#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <utility>

#include "base/text.hpp"
#include "conda/match_spec.hpp"
#include "conda/version.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/site_packages.hpp"
#include "doctor/subject_facts.hpp"
#include "doctor/toolkit_group.hpp"

namespace hpcenv::doctor {

namespace {

const conda::PrefixRecord* cudnn_of(const Subject& subject) {
  const conda::PrefixRecord* library = find_package(subject, "libcudnn");
  return library != nullptr ? library : find_package(subject, "cudnn");
}

std::vector<Wheel> cudnn_wheels(const Subject& subject) {
  std::vector<Wheel> wheels = foreign_wheels(subject);
  std::erase_if(wheels, [](const Wheel& wheel) { return !wheel.name.starts_with("nvidia-cudnn"); });
  return wheels;
}

/// cuDNN 9.11 and later have no code for GPUs before Turing (facts/cuda.md 4).
bool is_after_volta(const std::string& version) {
  const auto found = conda::Version::parse(version);
  const auto border = conda::Version::parse("9.11");
  return found && border && !(*found < *border);
}

std::set<Capability> older_than_turing(const Subject& subject) {
  std::set<Capability> gpus = capabilities(*subject.profile);
  std::erase_if(gpus, [](const Capability& gpu) { return gpu >= turing; });
  return gpus;
}

Finding two_copies(const Subject& subject, const conda::PrefixRecord& ours,
                   const std::vector<Wheel>& wheels) {
  std::vector<std::string> evidence = wheel_texts(wheels);
  for (std::string& line : evidence) line += " of pip, in site-packages";
  evidence.insert(evidence.begin(), ours.record.dist_name());
  std::vector<std::string> names;
  names.reserve(wheels.size());
  for (const Wheel& wheel : wheels) names.push_back(wheel.name);
  return with_evidence(
      warning("there are two copies of cuDNN here, one of pip and one of conda: which one a "
              "program gets depends on what it imports first",
              {"Keep one of them; where nothing of pip's needs its own, take that one out.",
               {fmt::format("hpcenv run{} -- python -m pip uninstall -y {}",
                            environment_option(subject), base::join(names, " "))}}),
      std::move(evidence));
}

/// The need of a record that the CUDA version here does not meet; empty where it meets all.
std::string unmet_cuda(const conda::PrefixRecord& package, const conda::PrefixRecord& cuda) {
  for (const std::string& text : package.record.depends) {
    const auto spec = conda::MatchSpec::parse(text);
    if (spec && spec->name.text() == "cuda-version" && !spec->matches(cuda.record)) return text;
  }
  return {};
}

Finding too_old_gpu(const Subject& subject, const Toolkit& toolkit,
                    const std::set<Capability>& gpus) {
  std::vector<std::string> specs{"cuda-version=12"};
  if (cudnn_of(subject) != nullptr) specs.emplace_back("libcudnn<9.11");
  const bool rescued_by_12 = *gpus.begin() >= Capability{5, 0} && toolkit.version.major > 12;
  if (!rescued_by_12) specs = {fmt::format("cuda-version={}", toolkit.version.major - 1)};
  const std::string suffix = specs.front().substr(specs.front().find('=') + 1);
  return with_evidence(
      failure(fmt::format("CUDA {} makes no code for GPUs of compute capability {} ({}); its "
                          "libraries end in error 209 (no kernel image) there",
                          toolkit.version.text(), capabilities_text(gpus), node_words(subject)),
              {"Make an environment with an older CUDA, which still has code for them.",
               {recreate_command(subject, "cuda" + suffix, specs)}}),
      {toolkit.package});
}

Finding too_new_gpu(const Subject& subject, const Toolkit& toolkit, const Capability& gpu,
                    host::CudaVersion first) {
  return with_evidence(
      warning(fmt::format("CUDA {} is older than GPUs of compute capability {} ({}), which need "
                          "CUDA {}: its libraries run there by PTX only, if they have it (P04)",
                          toolkit.version.text(), capability_text(gpu), node_words(subject),
                          first.text()),
              {fmt::format("Make an environment with CUDA {} or newer.", first.text()),
               {recreate_command(subject, "newer", {"cuda-version>=" + first.text()})}}),
      {toolkit.package});
}

}  // namespace

Finding examine_cudnn_device(const Subject& subject) {
  std::vector<std::string> copies;
  const conda::PrefixRecord* ours = cudnn_of(subject);
  if (ours != nullptr && is_after_volta(ours->record.version)) {
    copies.push_back(ours->record.dist_name());
  }
  const std::vector<Wheel> wheels = cudnn_wheels(subject);
  for (const Wheel& wheel : wheels) {
    if (is_after_volta(wheel.version)) copies.push_back(wheel.name + " " + wheel.version);
  }
  if (ours == nullptr && wheels.empty()) return pass("this environment has no cuDNN");
  if (capabilities(*subject.profile).empty()) return capabilities_unknown(subject);
  const std::set<Capability> gpus = older_than_turing(subject);
  if (gpus.empty() || copies.empty()) return pass("cuDNN has code for the GPUs");
  return with_evidence(
      failure(fmt::format("cuDNN from 9.11 on has no code for GPUs of compute capability {} ({}): "
                          "programs crash there",
                          capabilities_text(gpus), node_words(subject)),
              {"GPUs before compute capability 7.5 need CUDA 12 and cuDNN before 9.11.",
               {recreate_command(subject, "cuda12", {"libcudnn<9.11", "cuda-version=12"})}}),
      std::move(copies));
}

Finding examine_cudnn_toolkit(const Subject& subject) {
  const conda::PrefixRecord* cudnn = cudnn_of(subject);
  if (cudnn == nullptr) return pass("this environment has no cuDNN of conda");
  const conda::PrefixRecord* cuda = find_package(subject, "cuda-version");
  const std::string unmet = cuda == nullptr ? "" : unmet_cuda(*cudnn, *cuda);
  if (cuda != nullptr && !unmet.empty()) {
    return with_evidence(
        failure(fmt::format("{} was built for another CUDA than the {} here",
                            cudnn->record.dist_name(), cuda->record.version),
                {"Make an environment in which cuDNN and CUDA fit, which a solver sees to.",
                 {recreate_command(
                     subject, "whole",
                     {fmt::format("cuda-version={}", cuda->record.version), cudnn->record.name})}}),
        {fmt::format("{} needs {}", cudnn->record.dist_name(), unmet)});
  }
  const std::vector<Wheel> wheels = cudnn_wheels(subject);
  if (!wheels.empty()) return two_copies(subject, *cudnn, wheels);
  return pass(
      fmt::format("{} fits the CUDA toolkit, and is the only copy", cudnn->record.dist_name()));
}

Finding examine_toolkit_device(const Subject& subject) {
  const auto toolkit = toolkit_of(subject);
  if (!toolkit) return pass("this environment holds no CUDA toolkit");
  const std::set<Capability> gpus = capabilities(*subject.profile);
  if (gpus.empty()) return capabilities_unknown(subject);
  const int lowest = host::lowest_capability_of(toolkit->version);
  std::set<Capability> dropped = gpus;
  std::erase_if(dropped, [&](const Capability& gpu) {
    return std::int64_t{gpu.first} * 10 + gpu.second >= lowest;
  });
  if (!dropped.empty()) return too_old_gpu(subject, *toolkit, dropped);
  for (const Capability& gpu : gpus) {
    const auto first = host::first_cuda_running_on(gpu.first, gpu.second);
    if (first && toolkit->version < *first) return too_new_gpu(subject, *toolkit, gpu, *first);
  }
  return pass(fmt::format("CUDA {} makes code for GPUs of compute capability {}",
                          toolkit->version.text(), capabilities_text(gpus)));
}

}  // namespace hpcenv::doctor
