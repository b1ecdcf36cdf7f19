#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/text.hpp"
#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"

namespace hpcenv::doctor {

namespace {

constexpr std::string_view standard_library = "libstdc++.so.6";
constexpr std::size_t pairs_shown = 8;

/// Names of the libraries in PREFIX/lib, links included.
std::set<std::string> prefix_libraries(const Subject& subject) {
  std::set<std::string> names;
  if (subject.environment == nullptr) return names;
  for (const conda::PrefixRecord& package : subject.environment->packages) {
    for (const conda::InstalledPath& path : package.paths) {
      constexpr std::string_view folder = "lib/";
      if (!path.path.starts_with(folder)) continue;
      const std::string name = path.path.substr(folder.size());
      const bool library = name.starts_with("lib") && name.find(".so") != std::string::npos &&
                           !name.ends_with(".so");
      if (library && name.find('/') == std::string::npos) names.insert(name);
    }
  }
  return names;
}

/// The N of libstdc++.so.6.0.N among names; 0 where none is there.
template <class Names>
std::uint64_t newest_standard_library(const Names& names) {
  std::uint64_t newest = 0;
  for (const std::string& name : names) {
    constexpr std::string_view start = "libstdc++.so.6.0.";
    if (!name.starts_with(start)) continue;
    newest = std::max(
        newest, base::parse_unsigned(std::string_view(name).substr(start.size())).value_or(0));
  }
  return newest;
}

struct Shadows {
  std::vector<std::string> pairs;    ///< what is taken instead of what
  std::vector<std::string> entries;  ///< of LD_LIBRARY_PATH, that cause them
  bool old_standard_library = false;
};

Shadows find_shadows(const Subject& subject) {
  Shadows shadows;
  const std::set<std::string> ours = prefix_libraries(subject);
  const std::string prefix =
      subject.environment == nullptr ? "" : subject.environment->prefix.native() + "/";
  std::set<std::string> seen;
  for (const std::string& entry : path_entries(subject, "LD_LIBRARY_PATH")) {
    if (subject.reader == nullptr || (!prefix.empty() && (entry + "/").starts_with(prefix)))
      continue;
    const std::vector<std::string> theirs = subject.reader->list(entry);
    bool shadowing = false;
    for (const std::string& name : theirs) {
      if (!ours.contains(name) || !seen.insert(name).second) continue;
      shadowing = true;
      shadows.pairs.push_back(fmt::format("{}/{} instead of {}lib/{}", entry, name, prefix, name));
      const bool older = name == standard_library && newest_standard_library(theirs) > 0 &&
                         newest_standard_library(theirs) < newest_standard_library(ours);
      shadows.old_standard_library = shadows.old_standard_library || older;
    }
    if (shadowing) shadows.entries.push_back(entry);
  }
  if (shadows.pairs.size() > pairs_shown) {
    const std::size_t more = shadows.pairs.size() - pairs_shown;
    shadows.pairs.resize(pairs_shown);
    shadows.pairs.push_back(fmt::format("and {} more", more));
  }
  return shadows;
}

std::vector<std::string> missing_entries(const Subject& subject) {
  std::vector<std::string> missing;
  for (const std::string& entry : path_entries(subject, "LD_LIBRARY_PATH")) {
    if (subject.reader != nullptr && !subject.reader->exists(entry)) missing.push_back(entry);
  }
  return missing;
}

Finding examine_library_path(const Subject& subject) {
  const std::string value = variable(subject, "LD_LIBRARY_PATH");
  if (path_entries(subject, "LD_LIBRARY_PATH").empty()) return pass("LD_LIBRARY_PATH is not set");
  Shadows shadows = find_shadows(subject);
  if (!shadows.pairs.empty()) {
    const std::string command = drop_entries_command("LD_LIBRARY_PATH", value, shadows.entries);
    const std::string where = base::join(shadows.entries, ", ");
    if (shadows.old_standard_library) {
      return with_evidence(
          failure(fmt::format("LD_LIBRARY_PATH puts an older libstdc++ before the environment's "
                              "({}): programs will miss GLIBCXX symbols",
                              where),
                  {"Take these directories out before you use the environment.", {command}}),
          std::move(shadows.pairs));
    }
    return with_evidence(
        warning(fmt::format("LD_LIBRARY_PATH puts other libraries before the environment's ({})",
                            where),
                {"Take these directories out before you use the environment.", {command}}),
        std::move(shadows.pairs));
  }
  std::vector<std::string> missing = missing_entries(subject);
  if (missing.empty()) return pass("LD_LIBRARY_PATH shadows nothing of the environment");
  return with_evidence(info("LD_LIBRARY_PATH names directories that are not there"),
                       std::move(missing));
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
  const std::string home = variable(subject, "HOME");
  const bool off = !variable(subject, "PYTHONNOUSERSITE").empty();
  if (python.empty() || subject.reader == nullptr || off) return {};
  const std::string base = variable(subject, "PYTHONUSERBASE");
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

Finding examine_python(const Subject& subject) {
  if (const std::string home = variable(subject, "PYTHONHOME"); !home.empty()) {
    return failure(
        fmt::format("PYTHONHOME={} sends every python to another standard library", home),
        {"Unset it before you use the environment.", {"unset PYTHONHOME"}});
  }
  if (const std::string path = variable(subject, "PYTHONPATH"); !path.empty()) {
    return warning(fmt::format("PYTHONPATH={} comes before the environment's packages", path),
                   {"Unset it before you use the environment.", {"unset PYTHONPATH"}});
  }
  std::vector<std::string> foreign = user_site(subject);
  if (foreign.empty()) return pass("nothing comes before the environment's Python packages");
  const std::size_t count = foreign.size();
  if (count > pairs_shown) foreign.resize(pairs_shown);
  return with_evidence(
      warning(
          fmt::format("{} packages from `pip install --user` come before the environment's", count),
          {"Tell python to leave them out.", {"export PYTHONNOUSERSITE=1"}}),
      std::move(foreign));
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
  for (const std::string& module : path_entries(subject, "LOADEDMODULES")) {
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
    Check{"E01", "ldpath", "LD_LIBRARY_PATH", false, examine_library_path},
    Check{"E03", "python", "Python variables and user packages", false, examine_python},
    Check{"E04", "modules", "Loaded modules", false, examine_modules},
};

}  // namespace

std::span<const Check> contamination_checks() { return checks; }

}  // namespace hpcenv::doctor
