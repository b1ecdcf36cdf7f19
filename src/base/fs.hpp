// Files on this machine: RAII descriptors, whole-file reads, writes that appear at once.
// Paths are bytes; nothing follows a locale.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hpcenv::base {

namespace fs = std::filesystem;

/// An owned file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd();
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int release();

 private:
  int fd_ = -1;
};

Result<Fd> open_read(const fs::path& path);
/// O_CREAT|O_EXCL|O_NOFOLLOW.
Result<Fd> create_new(const fs::path& path, mode_t mode);
Result<> write_all(int fd, std::string_view bytes, const fs::path& name_for_errors);

/// Kind not_found where the file is missing, io otherwise.
Result<std::string> read_file(const fs::path& path);
enum class Durable { yes, no };
/// Writes under a temporary name in the same directory and renames; `Durable::yes` syncs file and
/// directory.
Result<> write_file(const fs::path& path, std::string_view text, mode_t mode = 0666,
                    Durable durable = Durable::no);
Result<> make_directories(const fs::path& path);
Result<> rename_path(const fs::path& from, const fs::path& to);
Result<> sync_directory(const fs::path& path);
/// Removes whatever is there, unreadable directories included; a missing path is no error. Never
/// follows symlinks.
Result<> remove_tree(const fs::path& path);
/// Names in a directory, sorted bytewise.
Result<std::vector<std::string>> list_directory(const fs::path& path);
/// lstat: true also for a dangling symlink.
bool path_exists(const fs::path& path);
/// Made 0700, O_EXCL, with a random name that starts with `prefix`, inside `parent`.
Result<fs::path> make_private_directory(const fs::path& parent, std::string_view prefix);
/// Absolute, symlinks of the existing part resolved, `..` gone; need not exist.
Result<fs::path> resolve_path(const fs::path& path);

struct FileSystemFacts {
  std::uint32_t magic = 0;       ///< statfs f_type
  std::string type;              ///< "nfs", "lustre", "ext4", ...; hex where unknown
  std::uint64_t free_bytes = 0;  ///< for an unprivileged user
  std::uint64_t total_bytes = 0;
  std::uint64_t free_inodes = 0;
  std::uint64_t total_inodes = 0;  ///< 0: the file system does not count them
  bool no_exec = false;
  bool read_only = false;
};
/// Of the file system that holds `path` or its nearest existing parent.
Result<FileSystemFacts> file_system_facts(const fs::path& path);

}  // namespace hpcenv::base
