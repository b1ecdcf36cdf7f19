#include "host/quota.hpp"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "base/fs.hpp"
#include "host/quota_programs.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::host {
namespace {

constexpr std::string_view quota_text =
    "Disk quotas for user bob (uid 1001): \n"
    "     Filesystem  blocks   quota   limit   grace   files   quota   limit   grace\n"
    "      /dev/sda1  600000  900000 1000000       0    1234       0       0       0\n"
    "  server:/home  1100000* 900000 1000000 1700000     999    1000       0       0\n"
    "  server:/free      10       0       0       0       5       0       0       0\n";

constexpr std::string_view group_text =
    "Disk quotas for group staff (gid 50): \n"
    "     Filesystem  blocks   quota   limit   grace   files   quota   limit   grace\n"
    "      /dev/sda1       0       0       1       0       0       0       0       0\n"
    "Disk quotas for group other (gid 51): none\n"
    "Disk quotas for group lab (gid 500): \n"
    "     Filesystem  blocks   quota   limit   grace   files   quota   limit   grace\n"
    "      /dev/sda1     100       0     300       0       7       0      10       0\n";

TEST_CASE("quota tells what is left before the limit") {
  const auto user = [](std::string_view source) { return parse_quota(quota_text, source, 0).user; };
  const auto disk = user("/dev/sda1");
  REQUIRE(disk.has_value());
  CHECK(disk->bytes == 400000U * 1024);
  CHECK_FALSE(disk->inodes.has_value());
  const auto full = user("server:/home");
  REQUIRE(full.has_value());
  CHECK(full->bytes == 0U);
  CHECK(full->inodes == 1U);
  const auto free = user("server:/free");
  REQUIRE(free.has_value());
  CHECK_FALSE(free->bytes.has_value());
  CHECK_FALSE(user("server:/other").has_value());
  for (const char* text : {"/dev/sda1 1 2\n", "/dev/sda1 a b c d e f g h\n", ""}) {
    CHECK_FALSE(parse_quota(text, "/dev/sda1", 0).user.has_value());
  }
}

TEST_CASE("quota of the group that files belong to, and of no other") {
  const std::string both = std::string(quota_text) + std::string(group_text);
  const QuotaRooms rooms = parse_quota(both, "/dev/sda1", 500);
  REQUIRE(rooms.user.has_value());
  CHECK(rooms.user->bytes == 400000U * 1024);
  REQUIRE(rooms.group.has_value());
  CHECK(rooms.group->bytes == 200U * 1024);
  CHECK(rooms.group->inodes == 3U);
  CHECK_FALSE(parse_quota(both, "/dev/sda1", 51).group.has_value());
  CHECK_FALSE(parse_quota(both, "/dev/sda1", 5).group.has_value());
  CHECK_FALSE(parse_quota(group_text, "/dev/sda1", 500).user.has_value());
}

TEST_CASE("lfs project: what is made there belongs to it, or to none") {
  CHECK(parse_lfs_project("  1000 P /lustre/lab\n") == 1000U);
  CHECK_FALSE(parse_lfs_project("  1000 - /lustre/lab\n").has_value());
  CHECK_FALSE(parse_lfs_project("     0 P /lustre/lab\n").has_value());
  CHECK_FALSE(parse_lfs_project("lfs: error\n").has_value());
}

TEST_CASE("lfs quota, also where a long path breaks the line") {
  const auto room = parse_lfs_quota(
      "     /lustre/project/with/a/long/name\n"
      "                [600000]*  900000  1000000       -    4000   10000   20000       -\n");
  REQUIRE(room.has_value());
  CHECK(room->bytes == 400000U * 1024);
  CHECK(room->inodes == 16000U);
  CHECK_FALSE(parse_lfs_quota("lfs: error\n").has_value());
}

TEST_CASE("the mount of a path is the longest that holds it, the later of two") {
  constexpr std::string_view mounts =
      "/dev/root / ext4 rw 0 0\n"
      "server:/home /home nfs4 rw 0 0\n"
      "old /home/bob/my\\040disk ext4 rw 0 0\n"
      "new /home/bob/my\\040disk lustre rw 0 0\n";
  CHECK(mount_of(mounts, "/home/bob")->source == "server:/home");
  CHECK(mount_of(mounts, "/home/bob/my disk/x")->type == "lustre");
  CHECK(mount_of(mounts, "/home/bob/my disk/x")->source == "new");
  CHECK(mount_of(mounts, "/homeless")->point == "/");
  CHECK(mount_of(mounts, "/")->source == "/dev/root");
  CHECK_FALSE(mount_of("", "/x").has_value());
}

// A `quota` in PATH that says so of the file system of `place`.
base::Environment with_quota(const std::filesystem::path& place, const std::string& script) {
  REQUIRE(base::make_directories(place / "bin").has_value());
  REQUIRE(base::write_file(place / "bin/quota", script, 0755).has_value());
  base::Environment environment;
  environment.set("PATH", (place / "bin").string() + ":/usr/bin:/bin");
  return environment;
}

TEST_CASE("the tighter of disk and quota counts, and is named") {
  const test::TemporaryDirectory place;
  const auto runner = base::make_process_runner();
  const auto mounts = base::read_file("/proc/self/mounts");
  REQUIRE(mounts.has_value());
  const auto mount = mount_of(*mounts, place.path().string());
  REQUIRE(mount.has_value());
  if (mount->type == "lustre") return;
  const std::string line = "#!/bin/sh\necho '" + mount->source + " 100 0 300 0 5 0 9 0'\n";
  const auto limited =
      room_with_quota(place.path() / "not/there", with_quota(place.path(), line), *runner);
  REQUIRE(limited.has_value());
  CHECK(limited->bytes == std::uint64_t{200} * 1024);
  CHECK(limited->inodes == 4U);
  CHECK(limited->limited_by == "your quota on " + mount->point);
  // The group's is tighter here.
  const std::string group =
      "#!/bin/sh\necho '" + mount->source +
      " 100 0 300 0 5 0 9 0'\necho \"Disk quotas for group g (gid $(id -g)): \"\necho '" +
      mount->source + " 100 0 200 0 5 0 99 0'\n";
  const auto shared = room_with_quota(place.path(), with_quota(place.path(), group), *runner);
  REQUIRE(shared.has_value());
  CHECK(shared->bytes == std::uint64_t{100} * 1024);
  CHECK(shared->inodes == 4U);
  CHECK(shared->limited_by == "your group's quota on " + mount->point);
  const auto plain = room_at(place.path());
  for (const char* script : {"#!/bin/sh\nexit 0\n", "#!/bin/sh\necho nonsense; exit 3\n"}) {
    const auto room = room_with_quota(place.path(), with_quota(place.path(), script), *runner);
    REQUIRE(room.has_value());
    CHECK(room->limited_by == plain->limited_by);
  }
  base::Environment none;
  none.set("PATH", "/nowhere");
  CHECK(room_with_quota(place.path(), none, *runner)->limited_by == plain->limited_by);
}

}  // namespace
}  // namespace hpcenv::host
