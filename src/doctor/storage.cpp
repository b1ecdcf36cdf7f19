#include <array>
#include <utility>

#include "base/text.hpp"
#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"

namespace hpcenv::doctor {

namespace {

using Mounts = std::vector<host::MountFacts>;

constexpr std::uint64_t gibibyte = 1ULL << 30U;
// A Python environment takes 0.5 GiB and 20,000 files, one with CUDA and PyTorch 8 GiB and 60,000;
// half as much again lies in the package cache.
constexpr std::uint64_t bytes_needed = gibibyte;
constexpr std::uint64_t bytes_wanted = 12 * gibibyte;
constexpr std::uint64_t inodes_needed = 20'000;
constexpr std::uint64_t inodes_wanted = 100'000;

/// The subject's paths as they are now; else what the profile holds.
Mounts mounts_of(const Subject& subject) {
  if (subject.reader == nullptr || subject.paths.empty()) return subject.profile->mounts;
  Mounts mounts;
  for (const auto& [purpose, path] : subject.paths) {
    if (auto facts = subject.reader->file_system(path)) {
      mounts.push_back({purpose, path, *std::move(facts)});
    }
  }
  return mounts;
}

struct Scale {
  std::uint64_t needed;
  std::uint64_t wanted;
  const char* unit;
};

struct Levels {
  std::vector<std::string> failing;
  std::vector<std::string> low;
  std::vector<std::string> evidence;
};

void weigh(const host::MountFacts& mount, std::uint64_t free, const std::string& amount,
           const Scale& scale, Levels& levels) {
  const std::string where = fmt::format("{} ({})", mount.purpose, mount.path);
  levels.evidence.push_back(
      fmt::format("{}, {}: {} {} free", where, mount.facts.type, amount, scale.unit));
  if (free < scale.needed) {
    levels.failing.push_back(fmt::format("{}: {} {} free", where, amount, scale.unit));
  } else if (free < scale.wanted) {
    levels.low.push_back(fmt::format("{}: {} {} free", where, amount, scale.unit));
  }
}

Finding verdict(Levels levels, const char* enough, Remedy remedy) {
  if (!levels.failing.empty()) {
    return with_evidence(
        failure("not enough for an environment in " + base::join(levels.failing, "; "),
                std::move(remedy)),
        std::move(levels.evidence));
  }
  if (!levels.low.empty()) {
    return with_evidence(
        warning("an environment with CUDA may not fit in " + base::join(levels.low, "; "),
                std::move(remedy)),
        std::move(levels.evidence));
  }
  return with_evidence(pass(enough), std::move(levels.evidence));
}

const Remedy other_place{
    "Keep environments and packages where there is room, for instance on scratch.",
    {"export HPCENV_ROOT=/PATH/WITH/ROOM/hpcenv"}};

Finding examine_space(const Subject& subject) {
  const Mounts mounts = mounts_of(subject);
  if (mounts.empty()) return unavailable("no file system was looked at");
  Levels levels;
  for (const host::MountFacts& mount : mounts) {
    // Temporary files are small here: downloads and unpacking happen in the package cache.
    const bool temporary = mount.purpose == "temporary files";
    const Scale scale{temporary ? gibibyte / 16 : bytes_needed, temporary ? gibibyte : bytes_wanted,
                      "of space"};
    weigh(mount, mount.facts.free_bytes, base::human_bytes(mount.facts.free_bytes), scale, levels);
  }
  return verdict(std::move(levels), "there is room for environments", other_place);
}

Finding examine_inodes(const Subject& subject) {
  const Mounts mounts = mounts_of(subject);
  if (mounts.empty()) return unavailable("no file system was looked at");
  Levels levels;
  for (const host::MountFacts& mount : mounts) {
    // 0 in all: btrfs, some parallel file systems; they make inodes as they go.
    if (mount.facts.total_inodes == 0 || mount.purpose == "temporary files") continue;
    weigh(mount, mount.facts.free_inodes, std::to_string(mount.facts.free_inodes),
          {inodes_needed, inodes_wanted, "files"}, levels);
  }
  return verdict(std::move(levels), "there are files enough for environments", other_place);
}

constexpr std::array checks = {
    Check{"F02", "space", "Free space", false, examine_space},
    Check{"F03", "inodes", "Free files (inodes)", false, examine_inodes},
};

}  // namespace

std::span<const Check> storage_checks() { return checks; }

}  // namespace hpcenv::doctor
