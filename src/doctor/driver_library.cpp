// The driver's libraries: which there are, which one programs get, and what it says of itself.
#include <algorithm>
#include <set>
#include <utility>

#include "base/text.hpp"
#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"
#include "host/compat.hpp"

namespace hpcenv::doctor {

namespace {

using host::LibcudaCandidate;
using host::ProbeEnd;

bool is_stub_directory(const std::string& entry) {
  return entry.ends_with("/stubs") || entry.find("/stubs/") != std::string::npos;
}

std::vector<std::string> stub_entries(const Subject& subject) {
  std::vector<std::string> entries;
  for (const std::string& entry : path_entries(subject, "LD_LIBRARY_PATH")) {
    const bool holds_stub = std::ranges::any_of(
        subject.profile->nvidia.libcuda, [&](const LibcudaCandidate& candidate) {
          return candidate.is_stub && candidate.found_in == "LD_LIBRARY_PATH" &&
                 candidate.path == entry + "/libcuda.so.1";
        });
    if (holds_stub || is_stub_directory(entry)) entries.push_back(entry);
  }
  return entries;
}

std::vector<std::string> cuda_modules(const Subject& subject) {
  std::vector<std::string> evidence;
  for (const std::string& module : path_entries(subject, "LOADEDMODULES")) {
    const std::string name = base::to_lower(module);
    const bool related =
        name.find("cuda") != std::string::npos || name.find("nvhpc") != std::string::npos;
    if (related) evidence.push_back("loaded module that may have set it: " + module);
  }
  return evidence;
}

/// What is no stub and really a file; the entry for the loader's complaint is neither.
std::vector<const LibcudaCandidate*> real_libraries(const Subject& subject) {
  std::vector<const LibcudaCandidate*> found;
  for (const LibcudaCandidate& library : subject.profile->nvidia.libcuda) {
    if (!library.is_stub && !library.real_path.empty()) found.push_back(&library);
  }
  return found;
}

std::string directory_of(const LibcudaCandidate& library) {
  return library.path.substr(0, library.path.rfind('/'));
}

Finding not_found(const Subject& subject) {
  const host::NvidiaFacts& nvidia = subject.profile->nvidia;
  if (nvidia.wsl) {
    return failure("Windows shares its GPU, but not its driver library (/usr/lib/wsl/lib)",
                   {"Update WSL, in a terminal of Windows.", {"wsl.exe --update"}});
  }
  if (nvidia.kernel_module.empty()) return info("no driver library, and no kernel module either");
  return failure(
      fmt::format("the kernel has nvidia {}, but programs find no libcuda.so.1 (a container "
                  "started without the driver?)",
                  nvidia.kernel_module),
      bring_driver_in(subject));
}

/// There are libraries, but the loader gives programs none of them.
Finding not_loaded(const Subject& subject, const std::vector<const LibcudaCandidate*>& real) {
  const auto loads = std::ranges::find_if(
      real, [](const LibcudaCandidate* library) { return library->end != ProbeEnd::cannot_load; });
  if (loads != real.end()) {
    const std::string search = variable(subject, "LD_LIBRARY_PATH");
    const std::string all = directory_of(**loads) + (search.empty() ? "" : ":" + search);
    return warning(
        fmt::format("{} lies where programs do not look for it", (*loads)->path),
        {"Name its folder.", {fmt::format("export LD_LIBRARY_PATH={}", shell_word(all))}});
  }
  const std::string detail = real.front()->detail;
  return failure(
      fmt::format("{} cannot be loaded{}", real.front()->path, detail.empty() ? "" : ": " + detail),
      other_node(subject, fmt::format("{} cannot be loaded", real.front()->path)));
}

/// Why no library answered, in one finding.
Finding no_version(const Subject& subject) {
  for (const LibcudaCandidate& library : subject.profile->nvidia.libcuda) {
    if (library.is_stub || library.end == ProbeEnd::cannot_load) continue;
    const auto cuda = host::cuda_of_driver(library.file_version);
    const std::string what = fmt::format("{} does not say its version: {}", library.path,
                                         library.detail.empty() ? "no answer" : library.detail);
    if (!cuda) return failure(what, other_node(subject, "its libcuda does not answer"));
    return warning(fmt::format("{}; by its file name it supports CUDA {}", what, cuda->text()),
                   {"If that is right, tell hpcenv so; but jobs on this node may hang as well.",
                    {"export CONDA_OVERRIDE_CUDA=" + cuda->text()}});
  }
  if (!subject.profile->nvidia.kernel_module.empty()) {
    return unavailable("no driver library answers, see D03");
  }
  return info("no driver library that answers, so packages for CUDA cannot run on this node");
}

}  // namespace

Finding examine_found(const Subject& subject) {
  const std::vector<const LibcudaCandidate*> real = real_libraries(subject);
  const LibcudaCandidate* winner = winning_library(*subject.profile);
  if (winner != nullptr && !winner->is_stub) {
    return pass(fmt::format("programs find {} (from {})", winner->path, winner->found_in));
  }
  if (winner != nullptr && !real.empty()) {
    return info(fmt::format("{} is here, behind a stub, see D04", real.front()->path));
  }
  return real.empty() ? not_found(subject) : not_loaded(subject, real);
}

Finding examine_stub(const Subject& subject) {
  const LibcudaCandidate* first = winning_library(*subject.profile);
  const std::vector<std::string> entries = stub_entries(subject);
  Remedy remedy{
      "Take the stub's directory out of LD_LIBRARY_PATH, in the module, rc file or job "
      "script that puts it there.",
      {drop_entries_command("LD_LIBRARY_PATH", variable(subject, "LD_LIBRARY_PATH"), entries)}};
  std::vector<std::string> evidence = cuda_modules(subject);
  if (first != nullptr && first->is_stub) {
    if (entries.empty()) {
      remedy = {fmt::format("Tell who administers this machine that {} is a link-time stub and "
                            "has to go from the loader's path.",
                            first->path),
                {}};
    }
    evidence.insert(evidence.begin(), first->path + " found in " + first->found_in);
    return with_evidence(
        failure(
            fmt::format("programs load the stub {}, which is no driver (error 34)", first->path),
            std::move(remedy)),
        std::move(evidence));
  }
  const std::string preload = variable(subject, "LD_PRELOAD");
  if (preload.find("/stubs/") != std::string::npos) {
    return warning("LD_PRELOAD names a stub: " + preload,
                   {"Take the stub out of LD_PRELOAD.", {"unset LD_PRELOAD"}});
  }
  if (entries.empty()) return pass("no link-time stub of libcuda where programs look");
  return with_evidence(
      warning(fmt::format("LD_LIBRARY_PATH holds stubs of CUDA: {}", base::join(entries, ", ")),
              std::move(remedy)),
      std::move(evidence));
}

Finding examine_unique(const Subject& subject) {
  const std::string& module = subject.profile->nvidia.kernel_module;
  const LibcudaCandidate* winner = winning_library(*subject.profile);
  std::set<std::string> versions;
  std::vector<std::string> evidence;
  const LibcudaCandidate* right = nullptr;
  for (const LibcudaCandidate* library : real_libraries(subject)) {
    const bool counts = !library->file_version.empty() && library->end != ProbeEnd::cannot_load &&
                        !host::is_compat_library(*library, module);
    if (!counts) continue;
    versions.insert(library->file_version);
    evidence.push_back(fmt::format("{} is {}{}", library->path, library->file_version,
                                   library == winner ? ", and what programs get" : ""));
    if (library->file_version == module && right == nullptr) right = library;
  }
  if (versions.empty()) return unavailable("no driver library whose file name holds a version");
  if (versions.size() == 1) return pass("there is one driver library");
  Remedy remedy{
      "Programs get the right one; tell the administrators that the others are left "
      "over, and may be loaded by programs that know a path of their own.",
      {}};
  if (right != nullptr && right != winner) {
    remedy = {"Put the folder of the one that belongs to the kernel module in front.",
              {fmt::format("export LD_LIBRARY_PATH={}:$LD_LIBRARY_PATH",
                           shell_word(directory_of(*right)))}};
  }
  if (right == nullptr) {
    remedy = other_node(subject, "libcuda of several drivers is there, and none is the kernel's");
  }
  return with_evidence(warning(fmt::format("there are libraries of {} drivers: {}", versions.size(),
                                           base::join({versions.begin(), versions.end()}, ", ")),
                               std::move(remedy)),
                       std::move(evidence));
}

Finding examine_match(const Subject& subject) {
  const std::string& module = subject.profile->nvidia.kernel_module;
  const LibcudaCandidate* library = winning_library(*subject.profile);
  if (library == nullptr || library->is_stub) return unavailable("no driver library to compare");
  if (module.empty()) return unavailable("no kernel module to compare the library with");
  if (library->file_version.empty()) {
    return unavailable(fmt::format("the file name of {} holds no version", library->path));
  }
  if (library->file_version == module) {
    return pass(fmt::format("libcuda and the kernel module are both {}", module));
  }
  if (host::is_compat_library(*library, module)) {
    return pass(fmt::format("the library in front is one for forward compatibility ({}), see D07",
                            library->file_version));
  }
  return failure(fmt::format("libcuda is {}, the kernel module is {}: CUDA fails with error 803 "
                             "(the driver was updated and the node not rebooted)",
                             library->file_version, module),
                 other_node(subject, "it needs a reboot, its driver was updated"));
}

Finding examine_version(const Subject& subject) {
  const host::NodeProfile& profile = *subject.profile;
  const LibcudaCandidate* library = host::driver_library(profile);
  const auto cuda = driver_cuda(profile);
  if (library == nullptr || !cuda) return no_version(subject);
  std::vector<std::string> evidence{
      fmt::format("{} -> {}, found in {}", library->path, library->real_path, library->found_in)};
  const std::string text = fmt::format("{} supports CUDA up to {} (__cuda={})",
                                       driver_words(profile), cuda->text(), cuda->text());
  if (winning_library(profile) == nullptr) {
    return with_evidence(info(text + ", but it lies where the loader does not look"),
                         std::move(evidence));
  }
  return with_evidence(pass(text), std::move(evidence));
}

Finding examine_override(const Subject& subject) {
  const struct {
    const char* name;
    const char* package;
    std::optional<std::string> real;
  } rows[] = {
      {"CONDA_OVERRIDE_CUDA", "__cuda", host::cuda_version_of(*subject.profile)},
      {"CONDA_OVERRIDE_CUDA_ARCH", "__cuda_arch", host::cuda_arch_of(*subject.profile)},
  };
  std::vector<std::string> same;
  for (const auto& row : rows) {
    const auto given = subject.profile->environment.get(row.name);
    if (!given) continue;
    if (given->empty()) {
      return info(fmt::format("{} is set to nothing: the solver takes it that there is no {}",
                              row.name, row.package));
    }
    if (given != row.real) {
      return warning(
          fmt::format(
              "{}={}: the solver assumes that for {}, {}", row.name, *given, row.package,
              row.real ? "which is " + *row.real + " here" : "which this node does not have"),
          {"Unset it, unless you solve for another machine; for that there is --on TARGET.",
           {fmt::format("unset {}", row.name)}});
    }
    same.push_back(fmt::format("{}={}", row.name, *given));
  }
  if (!same.empty()) return pass(base::join(same, " and ") + ", as it is here");
  return pass("the solver takes what this node has");
}

}  // namespace hpcenv::doctor
