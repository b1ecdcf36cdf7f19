#include "prefix/plan.hpp"

#include <algorithm>
#include <map>

#include "prefix/noarch_python.hpp"

namespace hpcenv::prefix {

namespace {

/// The same archive: by checksum where both have one, else by what names it.
bool is_same(const conda::PackageRecord& a, const conda::PackageRecord& b) {
  if (a.dist_name() != b.dist_name() || a.subdir != b.subdir) return false;
  if (!a.sha256.empty() && !b.sha256.empty()) return a.sha256 == b.sha256;
  if (!a.md5.empty() && !b.md5.empty()) return a.md5 == b.md5;
  return true;
}

/// Where noarch packages go for this python; one that cannot be read is left to the linking.
std::string site_packages_of(const conda::PackageRecord& python) {
  const Result<std::optional<PythonFacts>> facts = python_facts({&python, 1});
  return facts.has_value() && facts->has_value() ? (*facts)->minor + " " + (*facts)->site_packages
                                                 : python.version;
}

using ByName = std::map<std::string_view, const conda::PackageRecord*>;

bool python_changes(const ByName& before, const ByName& after) {
  const auto old_python = before.find("python");
  const auto new_python = after.find("python");
  if (old_python == before.end() || new_python == after.end()) return false;
  return site_packages_of(*old_python->second) != site_packages_of(*new_python->second);
}

}  // namespace

Plan make_plan(const PrefixState& state, std::span<const conda::PackageRecord> solution,
               std::span<const std::string> reinstall) {
  ByName before;
  ByName after;
  for (const conda::PrefixRecord& package : state.packages) {
    before.emplace(package.record.name, &package.record);
  }
  for (const conda::PackageRecord& record : solution) after.emplace(record.name, &record);
  const bool relink_noarch = python_changes(before, after);
  const auto stays = [&](const conda::PackageRecord& old_record) {
    const auto found = after.find(old_record.name);
    if (found == after.end() || !is_same(old_record, *found->second)) return false;
    if (std::ranges::find(reinstall, old_record.name) != reinstall.end()) return false;
    return !relink_noarch || found->second->noarch != conda::Noarch::python;
  };
  Plan plan;
  plan.prefix = state.prefix;
  plan.based_on = state.fingerprint;
  for (const conda::PackageRecord& record : solution) {
    const auto old_record = before.find(record.name);
    if (record.is_virtual()) continue;
    if (old_record != before.end() && stays(*old_record->second)) continue;
    plan.link.push_back(record);
  }
  for (const conda::PrefixRecord& package : state.packages) {
    if (!stays(package.record)) plan.unlink.push_back(package.record);
  }
  return plan;
}

}  // namespace hpcenv::prefix
