#include "host/quota.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "base/beside.hpp"
#include "base/fs.hpp"
#include "host/quota_programs.hpp"
#include "host/storage.hpp"

namespace hpcenv::host {
namespace {

constexpr std::chrono::milliseconds patience{5000};

constexpr const char* users = "your quota";
constexpr const char* groups = "your group's quota";
constexpr const char* projects = "the project's quota";

/// A place and the mount that it lies on.
struct Asked {
  MountFacts* place;
  Mount mount;
};

/// One program of those that run beside each other.
struct Question {
  std::vector<std::string> argv;
  Asked* asked = nullptr;       ///< null: all that `quota` knows
  const char* whose = nullptr;  ///< null: which project
};

/// Rounds of programs within one deadline.
class Rounds {
 public:
  Rounds(const base::Environment& environment, base::ProcessRunner& runner)
      : environment_(environment), runner_(runner) {
    environment_.set("LC_ALL", "C");
  }

  /// What each printed; empty where it did not answer.
  std::vector<std::string> ask(const std::vector<Question>& questions) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end_ - std::chrono::steady_clock::now());
    std::vector<std::string> outputs(questions.size());
    if (left.count() <= 0 || questions.empty()) return outputs;
    std::vector<base::ProcessRequest> requests;
    for (const Question& question : questions) {
      base::ProcessRequest request;
      request.argv = question.argv;
      request.environment = environment_;
      request.deadline = left;
      requests.push_back(std::move(request));
    }
    const auto results = base::run_beside(runner_, requests);
    for (std::size_t i = 0; i < results.size(); ++i) {
      // `quota` leaves with 1 where a limit is exceeded, and then its answer matters most.
      const bool answered =
          results[i].has_value() && results[i]->end == base::ProcessResult::End::exited;
      if (answered) outputs[i] = results[i]->output;
    }
    return outputs;
  }

 private:
  base::Environment environment_;
  base::ProcessRunner& runner_;
  std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::now() + patience;
};

void add(MountFacts& place, const char* whose, const std::optional<QuotaRoom>& room) {
  if (!room || (!room->bytes && !room->inodes)) return;
  std::erase_if(place.quotas, [&](const QuotaFacts& known) { return known.whose == whose; });
  place.quotas.push_back({whose, room->bytes, room->inodes});
}

Question lustre_question(Asked& asked, const char* kind, std::uint64_t id, const char* whose) {
  const std::string& path = asked.place->existing;
  return {{"lfs", "quota", "-q", kind, std::to_string(id), path}, &asked, whose};
}

std::uint64_t group_of(const MountFacts& place) { return place.group.value_or(getegid()); }

/// Never on file systems that count for nobody.
bool counts_for_users(const Mount& mount) {
  constexpr std::array without{"tmpfs", "ramfs", "overlay", "proc", "sysfs", "squashfs"};
  return std::ranges::find(without, mount.type) == without.end();
}

std::vector<Question> first_questions(std::vector<Asked>& all) {
  std::vector<Question> questions;
  bool plain = false;
  for (Asked& asked : all) {
    if (asked.mount.type != "lustre") {
      plain = plain || counts_for_users(asked.mount);
      continue;
    }
    questions.push_back(lustre_question(asked, "-u", geteuid(), users));
    questions.push_back(lustre_question(asked, "-g", group_of(*asked.place), groups));
    questions.push_back({{"lfs", "project", "-d", asked.place->existing}, &asked, nullptr});
  }
  if (plain) questions.push_back({{"quota", "-w", "-p", "-u", "-g"}, nullptr, users});
  return questions;
}

void take_quota(const std::string& output, std::vector<Asked>& all) {
  for (Asked& asked : all) {
    if (asked.mount.type == "lustre") continue;
    const QuotaRooms rooms = parse_quota(output, asked.mount.source, group_of(*asked.place));
    add(*asked.place, users, rooms.user);
    add(*asked.place, groups, rooms.group);
  }
}

void tighten(Room& room, const QuotaFacts& quota, const std::string& point) {
  const auto& bytes = quota.free_bytes;
  const auto& inodes = quota.free_inodes;
  const bool fewer_bytes = bytes && *bytes < room.bytes;
  const bool fewer_inodes = inodes && *inodes < room.inodes.value_or(*inodes + 1);
  if (fewer_bytes) room.bytes = *bytes;
  if (fewer_inodes) room.inodes = inodes;
  if (fewer_bytes || fewer_inodes) room.limited_by = fmt::format("{} on {}", quota.whose, point);
}

}  // namespace

Result<Room> room_at(const std::filesystem::path& path) {
  HPCENV_ASSIGN(const base::FileSystemFacts facts, base::file_system_facts(path));
  Room room;
  room.bytes = facts.free_bytes;
  if (facts.total_inodes != 0) room.inodes = facts.free_inodes;
  room.limited_by = "the file system of " + path.string();
  return room;
}

void ask_quotas(std::span<MountFacts> places, std::string_view mounts,
                const base::Environment& environment, base::ProcessRunner& runner) {
  std::vector<Asked> all;
  for (MountFacts& place : places) {
    const auto mount = place.hangs ? std::nullopt : mount_of(mounts, place.existing);
    if (mount) all.push_back({&place, *mount});
  }
  Rounds rounds(environment, runner);
  const std::vector<Question> first = first_questions(all);
  const std::vector<std::string> outputs = rounds.ask(first);
  std::vector<Question> second;
  for (std::size_t i = 0; i < first.size(); ++i) {
    Asked* const asked = first[i].asked;
    if (asked == nullptr) {
      take_quota(outputs[i], all);
    } else if (first[i].whose != nullptr) {
      add(*asked->place, first[i].whose, parse_lfs_quota(outputs[i]));
    } else if (const auto project = parse_lfs_project(outputs[i])) {
      second.push_back(lustre_question(*asked, "-p", *project, projects));
    }
  }
  const std::vector<std::string> more = rounds.ask(second);
  for (std::size_t i = 0; i < second.size(); ++i) {
    add(*second[i].asked->place, projects, parse_lfs_quota(more[i]));
  }
}

Result<Room> room_with_quota(const std::filesystem::path& path,
                             const base::Environment& environment, base::ProcessRunner& runner) {
  HPCENV_ASSIGN(Room room, room_at(path));
  const std::string mounts = base::read_file("/proc/self/mounts").value_or("");
  const auto place = look_at_places({path.string()}, Trial::no).front();
  const auto mount = place ? mount_of(mounts, place->existing) : std::nullopt;
  if (!mount) return room;
  std::array places{*place};
  ask_quotas(places, mounts, environment, runner);
  for (const QuotaFacts& quota : places.front().quotas) tighten(room, quota, mount->point);
  return room;
}

}  // namespace hpcenv::host
