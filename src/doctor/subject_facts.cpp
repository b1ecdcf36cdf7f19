#include "doctor/subject_facts.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "conda/match_spec.hpp"
#include "conda/platform.hpp"
#include "doctor/make_finding.hpp"
#include "host/nvidia_devices.hpp"

namespace hpcenv::doctor {

namespace {

std::string name_in(const std::string& spec) {
  const Result<conda::MatchSpec> parsed = conda::MatchSpec::parse(spec);
  return parsed ? parsed->name.text() : spec;
}

std::vector<std::string> options_of(const std::set<std::string>& channels) {
  std::vector<std::string> options;
  options.reserve(channels.size());
  for (const std::string& channel : channels) options.push_back("-c " + shell_word(channel));
  options.emplace_back("--override-channels");
  return options;
}

/// conda and mamba write the channel of a record with its subdir.
std::string without_subdir(const std::string& channel) {
  const std::size_t slash = channel.rfind('/');
  const bool ends_with_one =
      slash != std::string::npos && conda::is_known_subdir(channel.substr(slash + 1));
  return ends_with_one ? channel.substr(0, slash) : channel;
}

std::vector<std::string> channel_options(const Subject& subject) {
  std::set<std::string> channels;
  for (const conda::PrefixRecord& package : subject.environment->packages) {
    if (!package.record.channel.empty()) channels.insert(without_subdir(package.record.channel));
  }
  const bool usual = std::ranges::all_of(channels, [](const std::string& channel) {
    return channel == "conda-forge" || channel == "https://conda.anaconda.org/conda-forge";
  });
  return usual ? std::vector<std::string>() : options_of(channels);
}

bool is_tied_to_cuda(const conda::PrefixRecord& package) {
  return package.record.name.starts_with("cuda") ||
         std::ranges::any_of(package.record.depends, [](const std::string& spec) {
           return spec.starts_with("cuda-version") || spec.starts_with("cudatoolkit");
         });
}

enum class Wishes { as_they_are, for_another_cuda };
std::set<std::string> wishes(const Subject& subject, Wishes how) {
  std::set<std::string> specs;
  for (const conda::PrefixRecord& package : subject.environment->packages) {
    for (const std::string& wish : package.requested_specs) {
      const conda::PrefixRecord* wished = find_package(subject, name_in(wish));
      const bool loose = how == Wishes::for_another_cuda && wished && is_tied_to_cuda(*wished);
      specs.insert(loose ? name_in(wish) : wish);
    }
  }
  return specs;
}

std::string recreation(const Subject& subject, std::string_view suffix,
                       const std::vector<std::string>& specs,
                       const std::vector<std::string>& channels) {
  std::vector<std::string> words{"hpcenv create -n"};
  // An environment that was named by its path gives its last part.
  std::string name = subject.environment_name.empty() ? "NAME" : subject.environment_name;
  name = name.substr(name.rfind('/') + 1);
  words.push_back(shell_word(fmt::format("{}-{}", name, suffix)));
  if (!subject.target.empty()) words.push_back("--on " + shell_word(subject.target));
  words.insert(words.end(), channels.begin(), channels.end());
  const bool other_cuda = std::ranges::any_of(specs, [](const std::string& spec) {
    return spec.starts_with("cuda-version") || spec.starts_with("cudatoolkit");
  });
  for (const std::string& wish :
       wishes(subject, other_cuda ? Wishes::for_another_cuda : Wishes::as_they_are)) {
    const bool replaced = std::ranges::any_of(
        specs, [&](const std::string& spec) { return name_in(spec) == name_in(wish); });
    if (!replaced) words.push_back(shell_word(wish));
  }
  for (const std::string& spec : specs) words.push_back(shell_word(spec));
  return base::join(words, " ");
}

}  // namespace

const conda::PrefixRecord* find_package(const Subject& subject, std::string_view name) {
  if (subject.environment == nullptr) return nullptr;
  const auto& packages = subject.environment->packages;
  const auto found = std::ranges::find_if(
      packages, [&](const conda::PrefixRecord& package) { return package.record.name == name; });
  return found == packages.end() ? nullptr : &*found;
}

std::optional<Toolkit> toolkit_of(const Subject& subject) {
  for (const char* name : {"cuda-version", "cudatoolkit", "cuda-cudart"}) {
    const conda::PrefixRecord* package = find_package(subject, name);
    if (package == nullptr) continue;
    const auto version = host::parse_cuda_version(package->record.version);
    if (version) return Toolkit{*version, package->record.name + " " + package->record.version};
  }
  return std::nullopt;
}

const host::LibcudaCandidate* winning_library(const host::NodeProfile& profile) {
  const host::NvidiaFacts& nvidia = profile.nvidia;
  if (!nvidia.winner || *nvidia.winner >= nvidia.libcuda.size()) return nullptr;
  return &nvidia.libcuda[*nvidia.winner];
}

std::optional<host::CudaVersion> driver_cuda(const host::NodeProfile& profile) {
  const host::LibcudaCandidate* library = host::driver_library(profile);
  if (library == nullptr) return std::nullopt;
  return host::cuda_version_from_code(*library->cuda_version);
}

std::string driver_words(const host::NodeProfile& profile) {
  const host::LibcudaCandidate* library = host::driver_library(profile);
  if (library != nullptr && !library->file_version.empty()) {
    return "driver " + library->file_version;
  }
  if (!profile.nvidia.kernel_module.empty()) return "driver " + profile.nvidia.kernel_module;
  return "the driver";
}

bool has_gpus(const slurm::Partition& partition) {
  return std::ranges::any_of(
      partition.gres, [](const std::string& gres) { return !slurm::gpus_of_gres(gres).empty(); });
}

bool has_gpu(const host::NodeProfile& profile) {
  if (profile.nvidia.pci_gpus > 0) return true;
  return std::ranges::any_of(profile.nvidia.libcuda, [](const host::LibcudaCandidate& library) {
    return !library.devices.empty();
  });
}

const std::vector<host::CudaDevice>& known_devices(const host::NodeProfile& profile) {
  static const std::vector<host::CudaDevice> none;
  const host::LibcudaCandidate* winner = winning_library(profile);
  if (winner != nullptr && !winner->devices.empty()) return winner->devices;
  const auto other = std::ranges::find_if(
      profile.nvidia.libcuda,
      [](const host::LibcudaCandidate& library) { return !library.devices.empty(); });
  return other == profile.nvidia.libcuda.end() ? none : other->devices;
}

Remedy ask_for_gpu(const Subject& subject) {
  if (!variable(subject, "SLURM_JOB_ID").empty()) {
    return {"Ask Slurm for a GPU when you submit.", {"sbatch --gpus=1 ..."}};
  }
  return {"See which of the node's device files are here and may be opened (D13, G06).",
          {"ls -l /dev/nvidia*"}};
}

Remedy bring_driver_in(const Subject& subject) {
  const std::string& container = subject.profile->system.container;
  const char* text = "Start the container with the host's driver in it.";
  if (container == "docker") return {text, {"docker run --gpus all IMAGE ..."}};
  if (container == "podman") return {text, {"podman run --device nvidia.com/gpu=all IMAGE ..."}};
  return {
      "If this is a container, start it with the host's driver in it; if not, tell the "
      "administrators that the driver's libraries are missing here.",
      {"apptainer exec --nv IMAGE ..."}};
}

Remedy other_node(const Subject& subject, std::string_view fault) {
  const std::string& host = subject.profile->hostname;
  const std::string name = host.empty() ? "this node" : host.substr(0, host.find('.'));
  Remedy remedy{
      fmt::format("Use another node, and tell the administrators of {}: {}.", name, fault), {}};
  const bool in_job = !variable(subject, "SLURM_JOB_ID").empty() && !host.empty();
  if (in_job) remedy.commands = {fmt::format("sbatch --exclude={} ...", shell_word(name))};
  return remedy;
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

std::string capability_text(const Capability& capability) {
  return fmt::format("{}.{}", capability.first, capability.second);
}

std::string capabilities_text(const std::set<Capability>& gpus) {
  std::vector<std::string> words;
  words.reserve(gpus.size());
  for (const Capability& gpu : gpus) words.push_back(capability_text(gpu));
  return base::join(words, ", ");
}

Finding capabilities_unknown(const Subject& subject) {
  return unavailable(fmt::format("the compute capability of {} is not known: {}",
                                 node_words(subject),
                                 host::why_no_devices(subject.profile->nvidia)));
}

std::string gpus_text(std::size_t count) {
  return fmt::format("{} GPU{}", count, count == 1 ? "" : "s");
}

std::string node_words(const Subject& subject) {
  return subject.target.empty() ? "this node" : "the target " + subject.target;
}

std::string recreate_command(const Subject& subject, std::string_view suffix,
                             const std::vector<std::string>& specs) {
  return recreation(subject, suffix, specs, channel_options(subject));
}

std::string recreate_command_from(const Subject& subject, std::string_view suffix,
                                  const std::vector<std::string>& specs,
                                  const std::string& channel) {
  return recreation(subject, suffix, specs, options_of({channel}));
}

std::string environment_option(const Subject& subject) {
  const std::string& name = subject.environment_name;
  if (!name.empty() && name.find('/') == std::string::npos) return " -n " + shell_word(name);
  return " -p " + shell_word(subject.environment->prefix.native());
}

std::string variable(const Subject& subject, std::string_view name) {
  return subject.profile->environment.get_or(name, "");
}

std::vector<std::string> path_entries(const Subject& subject, std::string_view name) {
  std::vector<std::string> entries;
  const std::string value = variable(subject, name);
  for (const std::string_view entry : base::split(value, ':')) {
    if (!entry.empty()) entries.emplace_back(entry);
  }
  return entries;
}

}  // namespace hpcenv::doctor
