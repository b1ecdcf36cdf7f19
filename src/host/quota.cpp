#include "host/quota.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/fs.hpp"
#include "host/quota_programs.hpp"

namespace hpcenv::host {
namespace {

constexpr std::chrono::seconds patience{5};

std::string output_of(std::vector<std::string> argv, const base::Environment& environment,
                      base::ProcessRunner& runner) {
  base::ProcessRequest request;
  request.argv = std::move(argv);
  request.environment = environment;
  request.environment.set("LC_ALL", "C");
  request.deadline = patience;
  const auto done = runner.run(request);
  // `quota` leaves with 1 where a limit is exceeded, and then its answer matters most.
  const bool answered = done && done->end == base::ProcessResult::End::exited;
  return answered ? done->output : "";
}

std::filesystem::path existing_part(std::filesystem::path path) {
  while (!base::path_exists(path) && path.has_relative_path()) path = path.parent_path();
  return path;
}

/// The group that new files in a directory belong to, and so are counted for.
gid_t group_of(const std::filesystem::path& directory) {
  struct stat status{};
  const bool known = stat(directory.c_str(), &status) == 0;
  return known && (status.st_mode & S_ISGID) != 0 ? status.st_gid : getegid();
}

/// Whose limit it is, for messages.
struct Limit {
  const char* whose;
  std::optional<QuotaRoom> room;
};

std::vector<Limit> lustre_limits(const std::filesystem::path& path,
                                 const base::Environment& environment,
                                 base::ProcessRunner& runner) {
  const auto ask = [&](const char* kind, std::uint64_t id) {
    return parse_lfs_quota(output_of(
        {"lfs", "quota", "-q", kind, std::to_string(id), path.string()}, environment, runner));
  };
  std::vector<Limit> limits{{"your quota", ask("-u", geteuid())},
                            {"your group's quota", ask("-g", group_of(path))}};
  const auto project =
      parse_lfs_project(output_of({"lfs", "project", "-d", path.string()}, environment, runner));
  if (project) limits.push_back({"the project's quota", ask("-p", *project)});
  return limits;
}

std::vector<Limit> limits_of(const std::filesystem::path& path, const Mount& mount,
                             const base::Environment& environment, base::ProcessRunner& runner) {
  if (mount.type == "lustre") return lustre_limits(path, environment, runner);
  const QuotaRooms rooms =
      parse_quota(output_of({"quota", "-w", "-p", "-u", "-g"}, environment, runner), mount.source,
                  group_of(path));
  return {{"your quota", rooms.user}, {"your group's quota", rooms.group}};
}

void tighten(Room& room, const Limit& limit, const std::string& point) {
  if (!limit.room) return;
  const auto& [bytes, inodes] = *limit.room;
  const bool fewer_bytes = bytes && *bytes < room.bytes;
  const bool fewer_inodes = inodes && *inodes < room.inodes.value_or(*inodes + 1);
  if (fewer_bytes) room.bytes = *bytes;
  if (fewer_inodes) room.inodes = inodes;
  if (fewer_bytes || fewer_inodes) room.limited_by = fmt::format("{} on {}", limit.whose, point);
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

Result<Room> room_with_quota(const std::filesystem::path& path,
                             const base::Environment& environment, base::ProcessRunner& runner) {
  HPCENV_ASSIGN(Room room, room_at(path));
  HPCENV_ASSIGN(const std::filesystem::path resolved, base::resolve_path(existing_part(path)));
  const auto mounts = base::read_file("/proc/self/mounts");
  const auto mount = mount_of(mounts.value_or(""), resolved.string());
  if (!mount) return room;
  for (const Limit& limit : limits_of(resolved, *mount, environment, runner)) {
    tighten(room, limit, mount->point);
  }
  return room;
}

}  // namespace hpcenv::host
