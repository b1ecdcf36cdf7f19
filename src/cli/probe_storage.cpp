#include "cli/probe_storage.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace hpcenv::cli {
namespace {

using host::Abilities;
using host::MountFacts;
using host::Storage;

const char* stored_words(Storage storage) {
  switch (storage) {
    case Storage::disk:
      return ", on this node";
    case Storage::memory:
      return ", in this node's memory";
    case Storage::network:
      return ", over the network";
    case Storage::user_space:
      return ", through a program (user space)";
    case Storage::unknown:
      break;
  }
  return "";
}

/// "9000 files", "12.3 million files".
std::string files_text(std::uint64_t files) {
  constexpr std::uint64_t million = 1'000'000;
  if (files < million) return fmt::format("{} file{}", files, files == 1 ? "" : "s");
  return fmt::format("{:.1f} million files", static_cast<double>(files) / million);
}

std::string kind_text(const MountFacts& mount) {
  std::string text = mount.facts.type.empty() ? "unknown type" : mount.facts.type;
  text += stored_words(host::storage_of(mount.facts));
  if (mount.facts.read_only) text += ", read-only";
  if (mount.writable == false) text += ", you cannot write there";
  return text;
}

std::string room_text(const base::FileSystemFacts& facts) {
  std::string text = fmt::format("free: {} of {}", base::human_bytes(facts.free_bytes),
                                 base::human_bytes(facts.total_bytes));
  return facts.total_inodes == 0 ? text : text + ", " + files_text(facts.free_inodes);
}

std::string quota_text(const host::QuotaFacts& quota) {
  std::vector<std::string> left;
  if (quota.free_bytes) left.push_back(base::human_bytes(*quota.free_bytes));
  if (quota.free_inodes) left.push_back(files_text(*quota.free_inodes));
  return fmt::format("{} leaves {}", quota.whose.empty() ? "a quota" : quota.whose,
                     left.empty() ? "all of it" : base::join(left, " and "));
}

std::string locks_text(const MountFacts& mount) {
  const Abilities& can = *mount.abilities;
  if (!can.flock && !can.record_locks) return "no locks";
  if (mount.locks_stay_on_node) return "locks that other nodes do not see";
  if (can.flock && can.record_locks) return "locks";
  return can.flock ? "locks of whole files only" : "no locks by flock";
}

std::string abilities_text(const MountFacts& mount) {
  const bool runs = !mount.facts.no_exec && (!mount.abilities || mount.abilities->runs_programs);
  const std::string programs = runs ? "programs run" : "programs do not run (noexec)";
  if (!mount.abilities) {
    if (mount.untried.empty()) return mount.facts.no_exec ? programs : "";
    return fmt::format("{}what it can do was not tried: {}",
                       mount.facts.no_exec ? programs + "; " : "", mount.untried);
  }
  const Abilities& can = *mount.abilities;
  std::vector<std::string> parts{programs, can.hard_links ? "hard links" : "no hard links",
                                 can.reflinks ? "reflinks" : "no reflinks", locks_text(mount)};
  if (!can.symlinks) parts.emplace_back("no symlinks");
  if (!can.renames_over) parts.emplace_back("no renames over files");
  if (!can.case_sensitive) parts.emplace_back("upper and lower case are one");
  return base::join(parts, ", ");
}

std::vector<std::string> facts_of(const MountFacts& mount) {
  if (mount.hangs) return {"does not answer: a file server hangs"};
  std::vector<std::string> facts{kind_text(mount), room_text(mount.facts)};
  for (const host::QuotaFacts& quota : mount.quotas) facts.push_back(quota_text(quota));
  if (std::string can = abilities_text(mount); !can.empty()) facts.push_back(std::move(can));
  return facts;
}

}  // namespace

std::vector<PlacesAlike> places_alike(std::span<const MountFacts> places) {
  std::vector<PlacesAlike> groups;
  for (const MountFacts& place : places) {
    std::vector<std::string> facts = facts_of(place);
    if (groups.empty() || groups.back().facts != facts) groups.push_back({{}, std::move(facts)});
    groups.back().places.push_back(&place);
  }
  return groups;
}

}  // namespace hpcenv::cli
