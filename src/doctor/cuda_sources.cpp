// P08: CUDA of two eras, of two channels, or of pip beside conda's.
#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/text.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/site_packages.hpp"
#include "doctor/subject_facts.hpp"
#include "doctor/toolkit_group.hpp"

namespace hpcenv::doctor {

namespace {

/// Packages that NVIDIA's toolkit is split into, as both channels name them.
bool is_of_toolkit(const std::string& name) {
  constexpr std::array names = {"cudatoolkit", "libcublas",    "libcufft",    "libcurand",
                                "libcusolver", "libcusparse",  "libnpp",      "libnvjpeg",
                                "libcufile",   "libnvjitlink", "cuda-toolkit"};
  return (name.starts_with("cuda-") && name != "cuda-version" && name != "cuda-python" &&
          name != "cuda-pathfinder" && name != "cuda-bindings") ||
         std::ranges::find(names, name) != names.end();
}

std::string short_name(const std::string& channel) {
  return channel.substr(channel.rfind('/') + 1);
}

std::map<std::string, std::vector<std::string>> toolkit_by_channel(const Subject& subject) {
  std::map<std::string, std::vector<std::string>> found;
  for (const conda::PrefixRecord& package : subject.environment->packages) {
    if (!is_of_toolkit(package.record.name) || package.record.channel.empty()) continue;
    found[package.record.channel].push_back(package.record.dist_name());
  }
  return found;
}

Finding two_eras(const Subject& subject, const conda::PrefixRecord& old,
                 const conda::PrefixRecord& split) {
  const auto version = host::parse_cuda_version(split.record.version);
  const std::string spec =
      version ? fmt::format("cuda-version={}.{}", version->major, version->minor) : "cuda-version";
  Finding finding = failure(
      fmt::format("{} and {} are CUDA of two eras: one package for all up to 11.8, many from 12 "
                  "on; both bring the same libraries",
                  old.record.dist_name(), split.record.dist_name()),
      {"Make an environment with one of them.", {}});
  std::vector<std::string> evidence;
  for (const conda::PrefixRecord* package : {&old, &split}) {
    evidence.push_back(fmt::format(
        "{} from {}", package->record.dist_name(),
        package->record.channel.empty() ? "an unknown channel" : package->record.channel));
  }
  // What asked for the old one has to go with it.
  std::string command = recreate_command(subject, "one-cuda", {spec, "cudatoolkit"});
  constexpr std::string_view tail = " cudatoolkit";
  command.resize(command.size() - tail.size());
  finding.remedy->commands.push_back(std::move(command));
  return with_evidence(std::move(finding), std::move(evidence));
}

Finding two_channels(const Subject& subject,
                     const std::map<std::string, std::vector<std::string>>& channels,
                     const Toolkit& toolkit) {
  std::vector<std::string> evidence;
  std::string kept = channels.begin()->first;
  for (const auto& [channel, packages] : channels) {
    evidence.push_back(channel + ": " + base::join(packages, ", "));
    if (short_name(channel) == "conda-forge") kept = channel;
  }
  return with_evidence(
      warning(fmt::format("CUDA {} comes from {} channels here; before CUDA 12.5 their packages do "
                          "not fit each other",
                          toolkit.version.text(), channels.size()),
              {"Make an environment that has all of CUDA from one channel.",
               {recreate_command_from(subject, "one-channel", {}, kept)}}),
      std::move(evidence));
}

/// What takes the place of the package of pip that brought NVIDIA's wheels, from conda.
std::string conda_name_of(const std::vector<Wheel>& wheels) {
  constexpr std::array known = {std::pair{"torch", "pytorch-gpu"},
                                std::pair{"tensorflow", "tensorflow-gpu"},
                                std::pair{"jaxlib", "jaxlib=*=*cuda*"}};
  for (const auto& [wheel, spec] : known) {
    const bool there = std::ranges::any_of(
        wheels, [&, name = wheel](const Wheel& candidate) { return candidate.name == name; });
    if (there) return spec;
  }
  return {};
}

Finding pip_beside(const Subject& subject, const std::vector<Wheel>& wheels,
                   const std::vector<Wheel>& all) {
  const std::string instead = conda_name_of(all);
  std::vector<std::string> names;
  names.reserve(wheels.size());
  for (const Wheel& wheel : wheels) names.push_back(wheel.name);
  Remedy remedy{"Take pip's out, where nothing of pip's needs them.",
                {fmt::format("hpcenv run{} -- python -m pip uninstall -y {}",
                             environment_option(subject), base::join(names, " "))}};
  if (!instead.empty()) {
    remedy = {"Make an environment that has all of it from conda.",
              {recreate_command(subject, "conda", {instead})}};
  }
  return with_evidence(
      warning("pip put NVIDIA's libraries beside those of conda: two copies of one library may end "
              "up in one process",
              std::move(remedy)),
      wheel_texts(wheels));
}

}  // namespace

Finding examine_eras(const Subject& subject) {
  const conda::PrefixRecord* old = find_package(subject, "cudatoolkit");
  const conda::PrefixRecord* split = find_package(subject, "cuda-cudart");
  if (old != nullptr && split != nullptr) return two_eras(subject, *old, *split);
  const auto channels = toolkit_by_channel(subject);
  const auto toolkit = toolkit_of(subject);
  if (toolkit && toolkit->version < host::CudaVersion{12, 5} && channels.size() > 1) {
    return two_channels(subject, channels, *toolkit);
  }
  const std::vector<Wheel> all = foreign_wheels(subject);
  std::vector<Wheel> wheels = all;
  std::erase_if(wheels, [](const Wheel& wheel) {
    // Bindings and tools without libraries of their own are harmless.
    return !wheel.name.starts_with("nvidia-") || wheel.name == "nvidia-ml-py";
  });
  const bool of_conda = !channels.empty() || split != nullptr || old != nullptr;
  if (!wheels.empty() && of_conda) return pip_beside(subject, wheels, all);
  if (!wheels.empty()) return pass("all of CUDA here is pip's");
  return pass(of_conda ? "all of CUDA here is of one source" : "this environment holds no CUDA");
}

}  // namespace hpcenv::doctor
