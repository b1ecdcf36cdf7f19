#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/shell_facts.hpp"
#include "doctor/subject_facts.hpp"

namespace hpcenv::doctor {

namespace {

namespace fs = std::filesystem;

/// What sites load into every program to count jobs or their reads and writes.
bool is_monitoring(std::string_view library) {
  constexpr std::array names = {"libxalt", "libdarshan", "libmonitor", "libjobinfo"};
  return std::ranges::any_of(
      names, [&](const char* name) { return library.find(name) != std::string_view::npos; });
}

/// The entries of LD_PRELOAD (spaces or colons) and LD_AUDIT.
std::vector<std::string> preloaded(const Subject& subject) {
  std::vector<std::string> entries;
  for (const char* name : {"LD_PRELOAD", "LD_AUDIT"}) {
    const std::string value = base::replace_all(shell_variable(subject, name), ":", " ");
    for (const std::string_view entry : base::split_words(value)) entries.emplace_back(entry);
  }
  return entries;
}

/// Those that name a file which is not there: the loader complains before each program.
std::vector<std::string> not_there(const Subject& subject, const std::vector<std::string>& paths) {
  std::vector<std::string> missing;
  for (const std::string& path : paths) {
    const bool looked = subject.reader != nullptr && path.starts_with('/');
    if (looked && !subject.reader->exists(path)) missing.push_back(path + " is not there");
  }
  return missing;
}

Finding examine_preload(const Subject& subject) {
  const std::vector<std::string> entries = preloaded(subject);
  if (entries.empty()) return pass("no library is loaded into every program");
  std::vector<std::string> evidence = not_there(subject, entries);
  const std::string list = base::join(entries, ", ");
  if (evidence.empty() && std::ranges::all_of(entries, is_monitoring)) {
    return info("the site loads its job statistics into every program, which does no harm: " +
                list);
  }
  for (const char* name : {"LD_PRELOAD", "LD_AUDIT"}) {
    if (shell_variable(subject, name).empty()) continue;
    for (std::string& line : where_set(subject, name)) evidence.push_back(std::move(line));
  }
  return with_evidence(
      warning(
          "LD_PRELOAD or LD_AUDIT load libraries into every program, before the environment's: " +
              list,
          {"Unset them before you use the environment.", {"unset LD_PRELOAD LD_AUDIT"}}),
      std::move(evidence));
}

/// "python3.11" from the environment's python.
std::string python_folder(const Subject& subject) {
  const conda::PrefixRecord* python = find_package(subject, "python");
  if (python == nullptr) return {};
  const std::vector<std::string_view> numbers = base::split(python->record.version, '.');
  if (numbers.size() < 2) return {};
  return fmt::format("python{}.{}", numbers[0], numbers[1]);
}

/// Packages in ~/.local that the environment's python would import first; empty where it cannot.
std::vector<std::string> user_site(const Subject& subject) {
  const std::string python = python_folder(subject);
  const std::string home = shell_variable(subject, "HOME");
  const bool off = !shell_variable(subject, "PYTHONNOUSERSITE").empty();
  if (python.empty() || subject.reader == nullptr || off) return {};
  const std::string base = shell_variable(subject, "PYTHONUSERBASE");
  if (base.empty() && home.empty()) return {};
  const std::string folder =
      fmt::format("{}/lib/{}/site-packages", base.empty() ? home + "/.local" : base, python);
  std::vector<std::string> found;
  for (const std::string& name : subject.reader->list(folder)) {
    const bool metadata = name.ends_with("-info") || name.starts_with("__");
    if (!metadata) found.push_back(fmt::format("{}/{}", folder, name));
  }
  return found;
}

/// Packages of PYTHONPATH that the environment has too, in its place.
std::vector<std::string> hidden_packages(const Subject& subject) {
  std::vector<std::string> hidden;
  const std::string python = python_folder(subject);
  if (subject.environment == nullptr || subject.reader == nullptr || python.empty()) return hidden;
  const fs::path own = subject.environment->prefix / "lib" / python / "site-packages";
  for (const std::string& entry : shell_entries(subject, "PYTHONPATH")) {
    for (const std::string& name : subject.reader->list(entry)) {
      const bool metadata = name.ends_with("-info") || name.starts_with("__");
      if (metadata || !base::path_exists(own / name)) continue;
      hidden.push_back(fmt::format("{}/{} instead of {}", entry, name, (own / name).native()));
    }
  }
  return hidden;
}

Finding examine_python(const Subject& subject) {
  if (const std::string home = shell_variable(subject, "PYTHONHOME"); !home.empty()) {
    return with_evidence(
        failure(fmt::format("PYTHONHOME={} sends every python to another standard library", home),
                {"Unset it before you use the environment.", {"unset PYTHONHOME"}}),
        where_set(subject, "PYTHONHOME"));
  }
  if (const std::string path = shell_variable(subject, "PYTHONPATH"); !path.empty()) {
    std::vector<std::string> evidence = shortened(hidden_packages(subject));
    for (std::string& line : where_set(subject, "PYTHONPATH")) evidence.push_back(std::move(line));
    return with_evidence(
        warning(fmt::format("PYTHONPATH={} comes before the environment's packages", path),
                {"Unset it before you use the environment.", {"unset PYTHONPATH"}}),
        std::move(evidence));
  }
  std::vector<std::string> foreign = user_site(subject);
  if (foreign.empty()) return pass("nothing comes before the environment's Python packages");
  const std::size_t count = foreign.size();
  return with_evidence(
      warning(
          fmt::format("{} packages from `pip install --user` come before the environment's", count),
          {"Tell python to leave them out.", {"export PYTHONNOUSERSITE=1"}}),
      shortened(std::move(foreign)));
}

bool is_risky_module(const std::string& module) {
  constexpr std::array names = {"cuda",  "cudnn", "nccl",  "nvhpc",  "mpi",     "anaconda",
                                "conda", "gcc",   "intel", "python", "pytorch", "tensorflow"};
  const std::string name = base::to_lower(module.substr(0, module.rfind('/')));
  return std::ranges::any_of(
      names, [&](const char* risky) { return name.find(risky) != std::string::npos; });
}

Finding examine_modules(const Subject& subject) {
  std::vector<std::string> risky;
  for (const std::string& module : shell_entries(subject, "LOADEDMODULES")) {
    if (is_risky_module(module)) risky.push_back(module);
  }
  if (risky.empty()) return pass("no loaded module interferes");
  const std::string text =
      "loaded modules may put other libraries and programs before the "
      "environment's: " +
      base::join(risky, ", ");
  return with_evidence(
      warning(text,
              {"Leave them out of the shell or job that uses the environment.", {"module purge"}}),
      std::move(risky));
}

constexpr std::array checks = {
    Check{"E01", "ldpath", "LD_LIBRARY_PATH, as the loader looks", false, examine_library_path,
          Looks::in_shell, Cost::slow},
    Check{"E02", "ldpreload", "Libraries loaded into every program", false, examine_preload,
          Looks::in_shell},
    Check{"E03", "python", "Python variables and user packages", false, examine_python,
          Looks::in_shell},
    Check{"E04", "modules", "Loaded modules", false, examine_modules, Looks::in_shell},
    Check{"E05", "other.conda", "Other conda installations", false, examine_other_conda,
          Looks::in_shell},
    Check{"E07", "jit.caches", "Where compiled GPU code is kept", false, examine_caches,
          Looks::in_shell},
    Check{"E08", "path", "Programs that PATH finds first", false, examine_path, Looks::in_shell},
};

}  // namespace

std::span<const Check> contamination_checks() { return checks; }

}  // namespace hpcenv::doctor
