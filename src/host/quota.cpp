#include "host/quota.hpp"

#include <unistd.h>

#include <algorithm>

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

std::optional<QuotaRoom> quota_of(const std::filesystem::path& path, const Mount& mount,
                                  const base::Environment& environment,
                                  base::ProcessRunner& runner) {
  if (mount.type == "lustre") {
    return parse_lfs_quota(
        output_of({"lfs", "quota", "-q", "-u", std::to_string(geteuid()), path.string()},
                  environment, runner));
  }
  return parse_quota(output_of({"quota", "-w", "-p"}, environment, runner), mount.source);
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
  const auto quota = quota_of(resolved, *mount, environment, runner);
  if (!quota) return room;
  const bool bytes = quota->bytes && *quota->bytes < room.bytes;
  const bool inodes = quota->inodes && *quota->inodes < room.inodes.value_or(*quota->inodes + 1);
  if (bytes) room.bytes = *quota->bytes;
  if (inodes) room.inodes = quota->inodes;
  if (bytes || inodes) room.limited_by = "your quota on " + mount->point;
  return room;
}

}  // namespace hpcenv::host
