// E01, of the group shell: what LD_LIBRARY_PATH puts in front of the environment's libraries.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/text.hpp"
#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/shell_facts.hpp"
#include "doctor/subject_facts.hpp"
#include "host/cpu.hpp"
#include "host/loader.hpp"

namespace hpcenv::doctor {

namespace {

struct Shadows {
  std::map<std::pair<std::string, std::string>, std::set<std::string>>
      pairs;                       ///< taken, own: users
  std::set<std::string> broken;    ///< why programs will not start
  std::set<std::string> culprits;  ///< directories of LD_LIBRARY_PATH
};

bool looks_like_object(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  if (name.find(".so") != std::string::npos) return true;
  const std::vector<std::string_view> parts = base::split(path, '/');
  return std::ranges::any_of(parts, [](std::string_view part) {
    return part == "bin" || part == "sbin" || part == "libexec";
  });
}

/// What the environment starts and opens, against the directories of LD_LIBRARY_PATH.
class Search {
 public:
  Search(const Subject& subject, std::vector<std::string> directories)
      : prefix_(subject.environment->prefix.native()),
        reader_(*subject.reader),
        files_(*subject.reader, prefix_),
        directories_(std::move(directories)),
        level_(std::max(1, host::x86_64_level_of(subject.profile->cpu))) {
    for (const conda::PrefixRecord& package : subject.environment->packages) {
      for (const conda::InstalledPath& path : package.paths) {
        if (looks_like_object(path.path)) paths_.push_back(path.path);
      }
    }
    for (const std::string& directory : directories_) {
      for (const std::string& place : host::with_hardware_directories(directory, level_)) {
        places_[place + "/"] = directory;
      }
    }
  }

  /// Whether a directory holds a library of the same name at all; where not, nothing need be read.
  bool is_overlap() {
    std::set<std::string> own;
    for (const std::string& path : paths_) own.insert(path.substr(path.rfind('/') + 1));
    return std::ranges::any_of(places_, [&](const auto& place) {
      // Of a directory inside the environment every library counts (stubs, compat), but for lib
      // itself, where most run paths lead anyway.
      if (place.first == prefix_ + "/lib/") return false;
      if (place.first.starts_with(prefix_ + "/")) return !files_.names(place.first).empty();
      return std::ranges::any_of(files_.names(place.first), [&](const std::string& name) {
        return name.find(".so") != std::string::npos && own.contains(name);
      });
    });
  }

  /// False where no program or library of the environment can be read.
  bool run() {
    std::set<std::string> needed;
    std::vector<std::string> objects;
    for (const std::string& path : paths_) {
      const std::string full = fmt::format("{}/{}", prefix_, path);
      const host::LoaderFile* file = files_.file(full);
      if (file == nullptr || file->kind != host::LoaderFile::Kind::object) continue;
      objects.push_back(full);
      needed.insert(file->facts.needed.begin(), file->facts.needed.end());
    }
    const std::string python = python_program(objects);
    for (const std::string& object : objects) examine(object, needed, python);
    return !objects.empty();
  }

  const Shadows& shadows() const { return shadows_; }

 private:
  std::string python_program(const std::vector<std::string>& objects) const {
    const std::string start = prefix_ + "/bin/python";
    for (const std::string& object : objects) {
      if (object.starts_with(start + "2.") || object.starts_with(start + "3.")) return object;
    }
    return {};
  }

  void examine(const std::string& object, const std::set<std::string>& needed,
               const std::string& python) {
    const host::ElfFacts& facts = files_.file(object)->facts;
    if (facts.has_interpreter) {
      compare({object, {}, {}, level_}, object);
      return;
    }
    // A library that others load is looked at with those; one that nobody names is opened by path,
    // by Python where there is one.
    const std::string name = object.substr(object.rfind('/') + 1);
    if (needed.contains(facts.soname) || needed.contains(name)) return;
    const bool decides_itself = !facts.rpath.empty() || !facts.runpath.empty();
    if (!python.empty() || decides_itself) compare({python, object, {}, level_}, object);
  }

  /// The entry of LD_LIBRARY_PATH that a file was found in; empty for another place.
  std::string entry_of(const std::string& path) const {
    for (const auto& [place, directory] : places_) {
      if (path.starts_with(place) && path.find('/', place.size()) == std::string::npos) {
        return directory;
      }
    }
    return {};
  }

  void compare(host::LoaderQuestion question, const std::string& user) {
    const auto plain = question;
    question.library_path = directories_;
    const std::vector<host::LoadedObject> with = host::loaded_objects(files_, question);
    const bool touched = std::ranges::any_of(
        with, [&](const host::LoadedObject& one) { return !entry_of(one.path).empty(); });
    if (!touched) return;
    const std::map<std::string, std::string> own = names_of(host::loaded_objects(files_, plain));
    for (const auto& [name, path] : names_of(with)) {
      const auto usual = own.find(name);
      if (usual == own.end() || usual->second.empty() || usual->second == path) continue;
      if (reader_.real_path(path) == reader_.real_path(usual->second)) continue;
      shadows_.pairs[{path, usual->second}].insert(user);
      if (const std::string entry = entry_of(path); !entry.empty()) {
        shadows_.culprits.insert(entry);
      }
    }
    for (const host::LoadedObject& object : with) look_for_breaks(object, with);
  }

  /// Requested name -> path, "" for what is left to the system.
  static std::map<std::string, std::string> names_of(
      const std::vector<host::LoadedObject>& objects) {
    std::map<std::string, std::string> names;
    for (const host::LoadedObject& object : objects) {
      for (const auto& [name, place] : object.needed) {
        names.try_emplace(name, place ? objects[*place].path : "");
      }
    }
    return names;
  }

  /// A version of symbols that a foreign library lacks, or a file that is no library, ends a
  /// program before it starts.
  void look_for_breaks(const host::LoadedObject& object,
                       const std::vector<host::LoadedObject>& all) {
    for (const auto& [name, place] : object.needed) {
      if (!place || entry_of(all[*place].path).empty()) continue;
      const host::LoadedObject& taken = all[*place];
      std::string why;
      if (taken.file->kind == host::LoaderFile::Kind::no_object) {
        why = fmt::format("{} is no library", taken.path);
      } else {
        why = missing_version(object, name, taken);
      }
      if (why.empty()) continue;
      shadows_.broken.insert(std::move(why));
      shadows_.culprits.insert(entry_of(taken.path));
    }
  }

  static std::string missing_version(const host::LoadedObject& object, const std::string& name,
                                     const host::LoadedObject& taken) {
    const std::vector<std::string>& defined = taken.file->facts.versions;
    // Without any the loader only grumbles.
    if (defined.empty()) return {};
    for (const host::ElfVersionNeed& need : object.file->facts.version_needs) {
      if (need.library != name || std::ranges::find(defined, need.version) != defined.end()) {
        continue;
      }
      return fmt::format("{} needs {}, which {} lacks", object.path, need.version, taken.path);
    }
    return {};
  }

  std::string prefix_;
  const host::HostReader& reader_;
  host::LoaderFiles files_;
  std::vector<std::string> directories_;
  int level_;
  std::vector<std::string> paths_;
  std::map<std::string, std::string> places_;  ///< directory with "/" -> entry it stands for
  Shadows shadows_;
};

std::vector<std::string> pair_lines(const Shadows& shadows) {
  std::vector<std::string> lines;
  for (const auto& [pair, users] : shadows.pairs) {
    const std::string more =
        users.size() > 1 ? fmt::format(" and {} more", users.size() - 1) : std::string();
    lines.push_back(
        fmt::format("{} instead of {} (for {}{})", pair.first, pair.second, *users.begin(), more));
  }
  return shortened(std::move(lines));
}

Finding verdict(const Subject& subject, const Shadows& shadows) {
  const std::vector<std::string> entries(shadows.culprits.begin(), shadows.culprits.end());
  Remedy remedy{"Take these directories out before you use the environment.",
                {drop_entries_command("LD_LIBRARY_PATH", shell_variable(subject, "LD_LIBRARY_PATH"),
                                      entries)}};
  const std::string where = base::join(entries, ", ");
  std::vector<std::string> evidence = shortened({shadows.broken.begin(), shadows.broken.end()});
  for (std::string& line : pair_lines(shadows)) evidence.push_back(std::move(line));
  for (std::string& line : where_set(subject, "LD_LIBRARY_PATH")) {
    evidence.push_back(std::move(line));
  }
  if (shadows.broken.empty()) {
    return with_evidence(
        warning("LD_LIBRARY_PATH puts other libraries before the environment's (" + where + ")",
                std::move(remedy)),
        std::move(evidence));
  }
  return with_evidence(
      failure(fmt::format("LD_LIBRARY_PATH puts a library before the environment's that does not "
                          "fit ({}): {}",
                          where, *shadows.broken.begin()),
              std::move(remedy)),
      std::move(evidence));
}

Finding harmless(const Subject& subject, const std::string& text) {
  std::vector<std::string> missing;
  for (const std::string& entry : shell_entries(subject, "LD_LIBRARY_PATH")) {
    if (!subject.reader->exists(entry)) missing.push_back(entry);
  }
  if (missing.empty()) return pass(text);
  return with_evidence(info("LD_LIBRARY_PATH names directories that are not there"),
                       std::move(missing));
}

}  // namespace

Finding examine_library_path(const Subject& subject) {
  std::vector<std::string> directories =
      host::library_path_directories(shell_variable(subject, "LD_LIBRARY_PATH"));
  if (directories.empty()) return pass("LD_LIBRARY_PATH is not set");
  if (subject.reader == nullptr) return unavailable("nobody looks at this machine");
  if (subject.environment == nullptr) {
    return harmless(subject, "LD_LIBRARY_PATH is set; with -n NAME this check tells what it hides");
  }
  Search search(subject, std::move(directories));
  if (!search.is_overlap()) {
    return harmless(subject, "LD_LIBRARY_PATH holds nothing that the environment has too");
  }
  if (!search.run()) {
    return unavailable(
        "LD_LIBRARY_PATH holds libraries that the environment has too, but the "
        "environment's files cannot be read here");
  }
  const Shadows& shadows = search.shadows();
  if (!shadows.pairs.empty() || !shadows.broken.empty()) return verdict(subject, shadows);
  return harmless(subject,
                  "LD_LIBRARY_PATH holds libraries that the environment has too, but its programs "
                  "take their own first");
}

}  // namespace hpcenv::doctor
