#include <sys/statvfs.h>
#include <sys/vfs.h>

#include <cerrno>
#include <utility>

#include "base/fs.hpp"

namespace hpcenv::base {

namespace {

struct Magic {
  std::uint32_t number;
  const char* type;
};

/// f_type of statfs(2); from the kernel's magic.h and, for Lustre, GPFS, BeeGFS and the like, from
/// their own sources.
constexpr Magic magics[] = {
    {0x6969, "nfs"},           {0xff534d42, "cifs"},     {0xfe534d42, "smb2"},
    {0x65735546, "fuse"},      {0x0bd00bd0, "lustre"},   {0x47504653, "gpfs"},
    {0x19830326, "beegfs"},    {0x00c36400, "ceph"},     {0xef53, "ext4"},
    {0x58465342, "xfs"},       {0x9123683e, "btrfs"},    {0x01021994, "tmpfs"},
    {0x858458f6, "ramfs"},     {0x794c7630, "overlay"},  {0x2fc12fc1, "zfs"},
    {0x73717368, "squashfs"},  {0xaad7aaea, "panfs"},    {0x5346414f, "afs"},
    {0x6a656a63, "fakeowner"}, {0x01021997, "9p"},       {0xf15f, "ecryptfs"},
    {0xe0f5e1e2, "erofs"},     {0x20030528, "orangefs"}, {0xf2f52010, "f2fs"},
};

std::string type_name(std::uint32_t magic) {
  for (const Magic& known : magics) {
    if (known.number == magic) return known.type;
  }
  return fmt::format("{:#x}", magic);
}

}  // namespace

Result<FileSystemFacts> file_system_facts(const fs::path& path) {
  std::error_code error;
  fs::path place = fs::absolute(path, error);
  if (error) return fail_errno(error.value(), fmt::format("cannot resolve {}", path.native()));
  struct statfs kernel{};
  while (statfs(place.c_str(), &kernel) != 0) {
    const bool may_go_up = errno == ENOENT || errno == ENOTDIR || errno == EINTR;
    if (!may_go_up || !place.has_relative_path()) {
      return fail_errno(errno, fmt::format("cannot examine the file system of {}", path.native()));
    }
    if (errno != EINTR) place = place.parent_path();
  }
  struct statvfs space{};
  if (statvfs(place.c_str(), &space) != 0) {
    return fail_errno(errno, fmt::format("cannot examine the file system of {}", path.native()));
  }
  FileSystemFacts facts;
  facts.magic = static_cast<std::uint32_t>(kernel.f_type);
  facts.type = type_name(facts.magic);
  facts.free_bytes = static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
  facts.total_bytes = static_cast<std::uint64_t>(space.f_blocks) * space.f_frsize;
  facts.free_inodes = space.f_favail;
  facts.total_inodes = space.f_files;
  facts.no_exec = (space.f_flag & ST_NOEXEC) != 0;
  facts.read_only = (space.f_flag & ST_RDONLY) != 0;
  return facts;
}

}  // namespace hpcenv::base
