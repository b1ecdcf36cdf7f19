#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"

namespace hpcenv::doctor {

namespace {

using Mounts = std::vector<host::MountFacts>;
using host::MountFacts;

constexpr std::uint64_t gibibyte = 1ULL << 30U;
// A Python environment takes 0.5 GiB and 20,000 files, one with CUDA and PyTorch 8 GiB and 60,000;
// half as much again lies in the package cache.
constexpr std::uint64_t bytes_needed = gibibyte;
constexpr std::uint64_t bytes_wanted = 12 * gibibyte;
constexpr std::uint64_t inodes_needed = 20'000;
constexpr std::uint64_t inodes_wanted = 100'000;
// Where only temporary or small files go: downloads and unpacking happen in the package cache.
constexpr std::uint64_t small_bytes_needed = gibibyte / 16;
constexpr std::uint64_t small_inodes_needed = 1'000;
constexpr std::uint64_t small_wanted = 10;  ///< times what is needed

/// The machine's places as they are now; else what the profile holds.
const Mounts& mounts_of(const Subject& subject) {
  return subject.places.empty() ? subject.profile->mounts : subject.places;
}

bool is_for_environments(const MountFacts& mount) {
  constexpr std::array purposes{"environment", "environments", "root"};
  return std::ranges::find(purposes, mount.purpose) != purposes.end();
}

/// Those that hold environments, or their packages; home where nothing else is known to.
std::vector<const MountFacts*> environment_places(const Mounts& mounts) {
  std::vector<const MountFacts*> places;
  for (const MountFacts& mount : mounts) {
    if (is_for_environments(mount) || mount.purpose == "package cache") places.push_back(&mount);
  }
  if (!places.empty()) return places;
  for (const MountFacts& mount : mounts) {
    if (mount.purpose == "home") places.push_back(&mount);
  }
  return places;
}

std::string name_of(const MountFacts& mount) {
  return fmt::format("{} ({})", mount.purpose, mount.path);
}

const Remedy other_place{
    "Keep environments and packages where there is room, for instance on scratch.",
    {"export HPCENV_ROOT=/PATH/WITH/ROOM/hpcenv"}};
const Remedy other_disk{
    "Keep environments and packages on another file system, for instance on scratch.",
    {"export HPCENV_ROOT=/PATH/ON/ANOTHER/DISK/hpcenv"}};

/// What was found at several places, the worst first.
struct Verdict {
  std::vector<std::string> failing, warning, noted, evidence;

  Finding finding(Remedy remedy, const char* fine) {
    Finding result = pass(fine);
    if (!noted.empty()) result = info(base::join(noted, "; "));
    if (!warning.empty()) result = doctor::warning(base::join(warning, "; "), remedy);
    if (!failing.empty()) result = failure(base::join(failing, "; "), std::move(remedy));
    return with_evidence(std::move(result), std::move(evidence));
  }
};

Finding hanging(const Mounts& mounts) {
  std::vector<std::string> names;
  for (const MountFacts& mount : mounts) {
    if (mount.hangs) names.push_back(name_of(mount));
  }
  return failure(
      fmt::format("the file server of {} does not answer", base::join(names, ", ")),
      {"Tell who administers this machine that access to it hangs; other nodes may be fine.", {}});
}

void judge_type(const MountFacts& mount, Verdict& verdict) {
  switch (host::storage_of(mount.facts)) {
    case host::Storage::disk:
      return;
    case host::Storage::memory:
      verdict.warning.push_back(fmt::format(
          "{} is in memory: it takes memory from jobs, and is gone when the node starts anew",
          name_of(mount)));
      return;
    case host::Storage::user_space:
      verdict.warning.push_back(
          fmt::format("{} goes through a program (FUSE or 9p), which is "
                      "slow for the many small files of an environment",
                      name_of(mount)));
      return;
    case host::Storage::network:
      verdict.noted.push_back(
          fmt::format("{} is on a network file system ({})", name_of(mount), mount.facts.type));
      return;
    case host::Storage::unknown:
      verdict.noted.push_back(fmt::format("{} is on a file system that hpcenv does not know ({})",
                                          name_of(mount), mount.facts.type));
      return;
  }
}

Finding examine_type(const Subject& subject) {
  const Mounts& mounts = mounts_of(subject);
  if (mounts.empty()) return unavailable("no file system was looked at");
  if (std::ranges::any_of(mounts, &MountFacts::hangs)) return hanging(mounts);
  Verdict verdict;
  for (const MountFacts& mount : mounts) {
    verdict.evidence.push_back(fmt::format("{}: {}", name_of(mount), mount.facts.type));
  }
  for (const MountFacts* mount : environment_places(mounts)) judge_type(*mount, verdict);
  if (!verdict.noted.empty()) {
    verdict.noted.emplace_back(
        "nothing is wrong with that, but starting programs reads many small files there");
  }
  return verdict.finding(other_disk, "environments lie on disks of this node");
}

/// What may still be written, and who limits it.
struct Left {
  std::uint64_t amount;
  std::string limit;  ///< empty: the file system itself
};

Left bytes_left(const MountFacts& mount) {
  Left left{mount.facts.free_bytes, ""};
  for (const host::QuotaFacts& quota : mount.quotas) {
    if (quota.free_bytes && *quota.free_bytes < left.amount) {
      left = {*quota.free_bytes, quota.whose};
    }
  }
  return left;
}

/// Nullopt where nobody counts them: 0 in all on btrfs and some parallel file systems.
std::optional<Left> inodes_left(const MountFacts& mount) {
  std::optional<Left> left;
  if (mount.facts.total_inodes != 0) left = Left{mount.facts.free_inodes, ""};
  for (const host::QuotaFacts& quota : mount.quotas) {
    if (quota.free_inodes && (!left || *quota.free_inodes < left->amount)) {
      left = Left{*quota.free_inodes, quota.whose};
    }
  }
  return left;
}

struct Scale {
  std::uint64_t needed;
  std::uint64_t wanted;
};

void weigh(const MountFacts& mount, const Left& left, const std::string& amount, Scale scale,
           Verdict& verdict) {
  const std::string by = left.limit.empty() ? "" : fmt::format(" ({})", left.limit);
  const std::string line = fmt::format("{}: {} free{}", name_of(mount), amount, by);
  verdict.evidence.push_back(fmt::format("{}, {}", line, mount.facts.type));
  if (left.amount < scale.needed) {
    verdict.failing.push_back(line);
  } else if (left.amount < scale.wanted) {
    verdict.warning.push_back(line);
  }
}

bool holds_environments(const MountFacts& mount, const Mounts& mounts) {
  const auto places = environment_places(mounts);
  return std::ranges::find(places, &mount) != places.end();
}

Finding room_finding(Verdict verdict, const char* fine) {
  if (!verdict.failing.empty()) {
    verdict.failing.front() = "there is not enough room: " + verdict.failing.front();
  }
  if (!verdict.warning.empty()) {
    verdict.warning.front() = "an environment with CUDA may not fit: " + verdict.warning.front();
  }
  return verdict.finding(other_place, fine);
}

Finding examine_space(const Subject& subject) {
  const Mounts& mounts = mounts_of(subject);
  Verdict verdict;
  for (const MountFacts& mount : mounts) {
    if (mount.hangs) continue;
    const bool large = holds_environments(mount, mounts);
    const Scale scale = large ? Scale{bytes_needed, bytes_wanted}
                              : Scale{small_bytes_needed, small_bytes_needed * small_wanted};
    const Left left = bytes_left(mount);
    weigh(mount, left, base::human_bytes(left.amount) + " of space", scale, verdict);
  }
  if (verdict.evidence.empty()) return unavailable("no file system was looked at");
  return room_finding(std::move(verdict), "there is room for environments");
}

Finding examine_inodes(const Subject& subject) {
  const Mounts& mounts = mounts_of(subject);
  Verdict verdict;
  bool looked = false;
  for (const MountFacts& mount : mounts) {
    looked = looked || !mount.hangs;
    const auto left = inodes_left(mount);
    if (mount.hangs || !left || mount.purpose == "temporary files") continue;
    const bool large = holds_environments(mount, mounts);
    const Scale scale = large ? Scale{inodes_needed, inodes_wanted}
                              : Scale{small_inodes_needed, small_inodes_needed * small_wanted};
    weigh(mount, *left, fmt::format("{} files", left->amount), scale, verdict);
  }
  if (!looked) return unavailable("no file system was looked at");
  return room_finding(std::move(verdict), "there are files enough for environments");
}

Finding examine_no_exec(const Subject& subject) {
  Verdict verdict;
  std::vector<std::string> temporary;
  for (const MountFacts& mount : mounts_of(subject)) {
    if (mount.hangs) continue;
    const bool runs = !mount.facts.no_exec && (!mount.abilities || mount.abilities->runs_programs);
    verdict.evidence.push_back(
        fmt::format("{}: programs {}", name_of(mount), runs ? "run" : "do not run"));
    if (runs) continue;
    if (is_for_environments(mount)) {
      verdict.failing.push_back(
          fmt::format("no program can be run from {}, it is mounted with noexec", name_of(mount)));
    } else if (mount.purpose == "temporary files") {
      temporary.push_back(fmt::format(
          "no program can be run from {}, it is mounted with noexec: builds with pip fail",
          name_of(mount)));
    }
  }
  if (verdict.evidence.empty()) return unavailable("no file system was looked at");
  if (!verdict.failing.empty() || temporary.empty()) {
    return verdict.finding(other_disk, "programs can be run from where environments lie");
  }
  verdict.warning = std::move(temporary);
  return verdict.finding(
      {"Let temporary files go to another directory.", {"mkdir -p ~/tmp && export TMPDIR=~/tmp"}},
      "");
}

std::uint64_t size_of(const prefix::PrefixState& environment) {
  std::uint64_t bytes = 0;
  for (const conda::PrefixRecord& package : environment.packages) {
    for (const conda::InstalledPath& path : package.paths) bytes += path.size.value_or(0);
  }
  return bytes;
}

std::string copies_words(const Subject& subject) {
  const std::uint64_t bytes = subject.environment == nullptr ? 0 : size_of(*subject.environment);
  if (bytes == 0) return "files are copied: each environment takes its whole size";
  return fmt::format("files are copied: this environment takes {} more", base::human_bytes(bytes));
}

void judge_abilities(const MountFacts& mount, const Subject& subject, Verdict& verdict) {
  const host::Abilities& can = *mount.abilities;
  const std::string name = name_of(mount);
  if (!can.symlinks) {
    verdict.failing.push_back(name + " holds no symbolic links, which packages consist of");
  }
  if (!can.renames_over) {
    verdict.failing.push_back(name + " cannot replace a file by renaming");
  }
  if (!can.case_sensitive) {
    verdict.warning.push_back(name +
                              " takes upper and lower case for the same, so that files of "
                              "some packages overwrite each other");
  }
  if (!can.hard_links && !can.reflinks) {
    verdict.noted.push_back(name + " has no hard links, " + copies_words(subject));
  }
}

Finding examine_links(const Subject& subject) {
  const Mounts& mounts = mounts_of(subject);
  Verdict verdict;
  const MountFacts* cache = nullptr;
  const MountFacts* environment = nullptr;
  for (const MountFacts* mount : environment_places(mounts)) {
    if (mount->purpose == "package cache") cache = mount;
    if (is_for_environments(*mount) && environment == nullptr) environment = mount;
    if (!mount->abilities) {
      if (!mount->untried.empty()) {
        verdict.evidence.push_back(
            fmt::format("{}: not tried, {}", name_of(*mount), mount->untried));
      }
      continue;
    }
    verdict.evidence.push_back(fmt::format("{}: hard links {}, reflinks {}", name_of(*mount),
                                           mount->abilities->hard_links ? "yes" : "no",
                                           mount->abilities->reflinks ? "yes" : "no"));
    judge_abilities(*mount, subject, verdict);
  }
  const bool known =
      cache != nullptr && environment != nullptr && cache->device && environment->device;
  if (known && cache->device != environment->device) {
    verdict.noted.push_back(fmt::format("{} and {} are on different file systems, {}",
                                        name_of(*cache), name_of(*environment),
                                        copies_words(subject)));
  }
  const auto tried = [](const MountFacts* mount) { return mount->abilities.has_value(); };
  if (std::ranges::none_of(environment_places(mounts), tried) && verdict.noted.empty()) {
    return with_evidence(unavailable("it was not tried what the file systems can do"),
                         std::move(verdict.evidence));
  }
  return verdict.finding(other_disk,
                         "packages are linked into environments and take no room twice");
}

Finding examine_locks(const Subject& subject) {
  Verdict verdict;
  for (const MountFacts* mount : environment_places(mounts_of(subject))) {
    if (!mount->abilities) continue;
    const std::string name = name_of(*mount);
    const host::Abilities& can = *mount->abilities;
    verdict.evidence.push_back(fmt::format("{}: flock {}, fcntl {}", name, can.flock ? "yes" : "no",
                                           can.record_locks ? "yes" : "no"));
    if (!can.flock || !can.record_locks) {
      verdict.warning.push_back(fmt::format(
          "files in {} cannot be locked ({}): hpcenv makes do with lock files, but conda, pip and "
          "programs such as SQLite may fail or damage what two of them write at once",
          name,
          can.flock          ? "fcntl"
          : can.record_locks ? "flock"
                             : "flock and fcntl"));
    } else if (mount->locks_stay_on_node) {
      verdict.noted.push_back(
          fmt::format("locks in {} are seen on this node only, by how it is mounted", name));
    }
  }
  if (verdict.evidence.empty()) return unavailable("it was not tried whether files can be locked");
  return verdict.finding(other_disk, "files can be locked where environments lie");
}

std::optional<std::uint32_t> umask_of(const Subject& subject) {
  if (subject.reader == nullptr) return std::nullopt;
  const std::string status = subject.reader->read_text("/proc/self/status").value_or("");
  for (const std::string_view line : base::split_lines(status)) {
    const auto words = base::split_words(line);
    if (words.size() != 2 || words[0] != "Umask:") continue;
    std::uint32_t mask = 0;
    for (const char digit : words[1]) mask = mask * 8 + static_cast<std::uint32_t>(digit - '0');
    return mask;
  }
  return std::nullopt;
}

constexpr std::uint32_t others_write = 0002;
constexpr std::uint32_t sticky = 01000;
constexpr std::uint32_t set_group = 02000;

/// Whoever can write to it can let this user's jobs run what they like.
Finding open_to_others(const MountFacts& mount, std::vector<std::string> evidence) {
  const std::string& path = mount.existing;
  const bool own = mount.permissions->owner == "you";
  const Remedy remedy =
      own ? Remedy{"Take the right to write from others.", {"chmod o-w " + shell_word(path)}}
          : Remedy{fmt::format("Ask its owner ({}) to take the right to write from others: chmod "
                               "o-w {}",
                               mount.permissions->owner, path),
                   {}};
  return with_evidence(
      warning(fmt::format("everybody can write to {}, and so change what your jobs run",
                          name_of(mount)),
              remedy),
      std::move(evidence));
}

Finding examine_permissions(const Subject& subject) {
  Verdict verdict;
  const MountFacts* open = nullptr;
  for (const MountFacts* mount : environment_places(mounts_of(subject))) {
    if (!mount->permissions || mount->missing) continue;
    const auto& [mode, owner, acl] = *mount->permissions;
    verdict.evidence.push_back(fmt::format("{}: mode {:04o}, owned by {}{}{}", name_of(*mount),
                                           mode, owner, (mode & set_group) != 0 ? ", setgid" : "",
                                           acl ? ", with a default ACL" : ""));
    const bool is_open = (mode & others_write) != 0 && (mode & sticky) == 0;
    if (is_open && open == nullptr) open = mount;
    if (owner != "you" && is_for_environments(*mount)) {
      const bool writable = mount->writable.value_or(false);
      verdict.noted.push_back(fmt::format("{} belongs to {}: you can use it{}", name_of(*mount),
                                          owner, writable ? " and change it" : ", not change it"));
    }
  }
  const auto mask = umask_of(subject);
  if (mask) verdict.evidence.push_back(fmt::format("umask {:03o}", *mask));
  if (open != nullptr) return open_to_others(*open, std::move(verdict.evidence));
  if (mask && (*mask & others_write) == 0) {
    return with_evidence(warning("your umask lets everybody write to the files that you make",
                                 {"Set another one, for good in ~/.bashrc.", {"umask 022"}}),
                         std::move(verdict.evidence));
  }
  if (verdict.evidence.empty()) return unavailable("no directory was looked at");
  return verdict.finding(other_disk, "only you, and whom you let, can change your environments");
}

constexpr Check with_storage(Check check) {
  check.asks = Asks::storage;
  return check;
}

constexpr std::array checks = {
    with_storage({"F01", "fs.type", "Kind of file systems", false, examine_type}),
    with_storage({"F02", "space", "Free space and quota", false, examine_space}),
    with_storage({"F03", "inodes", "Free files (inodes) and quota", false, examine_inodes}),
    with_storage({"F04", "noexec", "File systems that run no programs", false, examine_no_exec}),
    with_storage({"F05", "links", "Hard links, symbolic links, reflinks", false, examine_links}),
    with_storage({"F06", "locks", "Locks on files", false, examine_locks}),
    with_storage(
        {"F07", "prefix.path", "Path of the environment", false, examine_prefix_path, Looks::here}),
    with_storage({"F08", "permissions", "Who can write to environments", false, examine_permissions,
                  Looks::here}),
};

}  // namespace

std::span<const Check> storage_checks() { return checks; }

}  // namespace hpcenv::doctor
