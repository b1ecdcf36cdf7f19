#include "doctor/site_packages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "doctor/subject_facts.hpp"

namespace hpcenv::doctor {

namespace {

std::string folder_of(const Subject& subject) {
  const conda::PrefixRecord* python = find_package(subject, "python");
  if (python == nullptr) return {};
  if (!python->record.python_site_packages_path.empty()) {
    return python->record.python_site_packages_path + "/";
  }
  const std::vector<std::string_view> numbers = base::split(python->record.version, '.');
  if (numbers.size() < 2) return {};
  return fmt::format("lib/python{}.{}/site-packages/", numbers[0], numbers[1]);
}

}  // namespace

std::vector<std::string> foreign_entries(const Subject& subject) {
  const std::string folder = folder_of(subject);
  // A solution that is judged before it lies anywhere has no files.
  if (folder.empty() || subject.environment->prefix.empty()) return {};
  std::set<std::string_view> owned;
  for (const conda::PrefixRecord& package : subject.environment->packages) {
    for (const conda::InstalledPath& path : package.paths) {
      std::string_view rest = path.path;
      if (!rest.starts_with(folder)) continue;
      rest.remove_prefix(folder.size());
      owned.insert(rest.substr(0, rest.find('/')));
    }
  }
  const auto names = base::list_directory(subject.environment->prefix / folder);
  std::vector<std::string> foreign;
  if (!names) return foreign;
  for (const std::string& name : *names) {
    if (!owned.contains(name) && name != "__pycache__") foreign.push_back(folder + name);
  }
  return foreign;
}

std::vector<Wheel> foreign_wheels(const Subject& subject) {
  std::vector<Wheel> wheels;
  for (const std::string& entry : foreign_entries(subject)) {
    std::string_view name = std::string_view(entry).substr(entry.rfind('/') + 1);
    constexpr std::string_view ending = ".dist-info";
    if (!name.ends_with(ending)) continue;
    name.remove_suffix(ending.size());
    const std::size_t dash = name.rfind('-');
    if (dash == std::string_view::npos) continue;
    wheels.push_back({base::replace_all(base::to_lower(name.substr(0, dash)), "_", "-"),
                      std::string(name.substr(dash + 1))});
  }
  return wheels;
}

std::vector<std::string> wheel_texts(const std::vector<Wheel>& wheels) {
  std::vector<std::string> texts;
  texts.reserve(wheels.size());
  for (const Wheel& wheel : wheels) texts.push_back(wheel.name + " " + wheel.version);
  return texts;
}

}  // namespace hpcenv::doctor
