#include "base/fs.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <utility>

#include "base/fault.hpp"

namespace hpcenv::base {

namespace {

std::string random_letters() {
  constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  std::array<unsigned char, 12> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    // A kernel without getrandom: names need only be unlikely to meet, O_EXCL does the rest.
    static std::atomic<unsigned> counter{0};
    const auto seed = static_cast<unsigned>(getpid()) * 7919U + ++counter;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes.at(i) = static_cast<unsigned char>((seed >> (i % 4U * 8U)) + i);
    }
  }
  std::string letters;
  for (const unsigned char byte : bytes) letters += alphabet[byte % alphabet.size()];
  return letters;
}

Result<Fd> open_path(const fs::path& path, int flags, mode_t mode, const char* act) {
  for (;;) {
    const int fd = open(path.c_str(), flags | O_CLOEXEC, mode);
    if (fd >= 0) return Fd(fd);
    if (errno == EINTR) continue;
    const int error_number = errno;
    Failure failure = fail_errno(error_number, fmt::format("cannot {} {}", act, path.native()));
    if (error_number == ENOENT && (flags & O_CREAT) == 0) {
      failure.error().kind = ErrorKind::not_found;
    }
    return failure;
  }
}

Result<> sync_fd(int fd, const fs::path& name) {
  if (fsync(fd) == 0 || errno == EINVAL || errno == EROFS) return {};
  return fail_errno(errno, fmt::format("cannot sync {}", name.native()));
}

Result<> write_and_rename(const fs::path& temporary, const fs::path& path, std::string_view text,
                          mode_t mode, Durable durable) {
  fault_point("write_file.create");
  HPCENV_ASSIGN(Fd fd, create_new(temporary, mode));
  fault_point("write_file.write");
  HPCENV_TRY(write_all(fd.get(), text, path));
  if (durable == Durable::yes) HPCENV_TRY(sync_fd(fd.get(), path));
  // Network file systems report a full disk or quota at close.
  if (close(fd.release()) != 0 && errno != EINTR) {
    return fail_errno(errno, fmt::format("cannot write {}", path.native()));
  }
  fault_point("write_file.rename");
  return rename_path(temporary, path);
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    if (valid()) close(fd_);
    fd_ = other.release();
  }
  return *this;
}

Fd::~Fd() {
  if (valid()) close(fd_);
}

int Fd::release() { return std::exchange(fd_, -1); }

Result<Fd> open_read(const fs::path& path) { return open_path(path, O_RDONLY, 0, "open"); }

Result<Fd> create_new(const fs::path& path, mode_t mode) {
  return open_path(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode, "create");
}

Result<> write_all(int fd, std::string_view bytes, const fs::path& name_for_errors) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      return fail_errno(errno, fmt::format("cannot write {}", name_for_errors.native()));
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<std::string> read_file(const fs::path& path) {
  HPCENV_ASSIGN(const Fd fd, open_read(path));
  struct stat status{};
  std::string text;
  if (fstat(fd.get(), &status) == 0 && status.st_size > 0) {
    text.reserve(static_cast<std::size_t>(status.st_size) + 1);
  }
  // Files of /proc have size 0, so the size is only a guess and reading goes on until the end.
  std::array<char, 65536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
  for (;;) {
    const ssize_t got = read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, fmt::format("cannot read {}", path.native()));
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

Result<> write_file(const fs::path& path, std::string_view text, mode_t mode, Durable durable) {
  const fs::path temporary =
      path.parent_path() / fmt::format(".{}.{}", path.filename().native(), random_letters());
  Result<> written = write_and_rename(temporary, path, text, mode, durable);
  if (!written.has_value()) {
    unlink(temporary.c_str());
    return written;
  }
  if (durable == Durable::yes) return sync_directory(path.parent_path());
  return {};
}

Result<> make_directories(const fs::path& path) {
  if (path.empty()) return {};
  struct stat status{};
  if (stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) return {};
    return fail_errno(ENOTDIR, fmt::format("cannot make directory {}", path.native()));
  }
  fs::path parent = path.parent_path();
  if (parent != path) HPCENV_TRY(make_directories(parent));
  if (path.filename().empty()) return {};  // a trailing slash: the parent was the directory
  fault_point("mkdir");
  if (mkdir(path.c_str(), 0777) == 0) return {};
  const int error_number = errno;
  // Another process may have made it in between.
  if (error_number == EEXIST && stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
    return {};
  }
  return fail_errno(error_number, fmt::format("cannot make directory {}", path.native()));
}

Result<> rename_path(const fs::path& from, const fs::path& to) {
  if (rename(from.c_str(), to.c_str()) == 0) return {};
  return fail_errno(errno, fmt::format("cannot rename {} to {}", from.native(), to.native()));
}

Result<> sync_directory(const fs::path& path) {
  const fs::path directory = path.empty() ? fs::path(".") : path;
  HPCENV_ASSIGN(const Fd fd, open_path(directory, O_RDONLY | O_DIRECTORY, 0, "open"));
  return sync_fd(fd.get(), directory);
}

Result<std::vector<std::string>> list_directory(const fs::path& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), closedir);
  if (directory == nullptr) {
    const int error_number = errno;
    Failure failure =
        fail_errno(error_number, fmt::format("cannot read directory {}", path.native()));
    if (error_number == ENOENT) failure.error().kind = ErrorKind::not_found;
    return failure;
  }
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(directory.get());  // NOLINT(concurrency-mt-unsafe): own stream
    if (entry == nullptr) break;
    const std::string_view name = static_cast<const char*>(entry->d_name);
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return fail_errno(errno, fmt::format("cannot read directory {}", path.native()));
  std::sort(names.begin(), names.end());
  return names;
}

bool path_exists(const fs::path& path) {
  struct stat status{};
  return lstat(path.c_str(), &status) == 0;
}

Result<fs::path> make_private_directory(const fs::path& parent, std::string_view prefix) {
  for (int attempt = 0; attempt < 16; ++attempt) {
    fs::path path = parent / (std::string(prefix) + random_letters());
    fault_point("mkdir");
    if (mkdir(path.c_str(), 0700) == 0) return path;
    if (errno != EEXIST) {
      return fail_errno(errno, fmt::format("cannot make directory {}", path.native()));
    }
  }
  return fail(ErrorKind::io, "cannot find a free name for a directory in {}", parent.native());
}

Result<fs::path> resolve_path(const fs::path& path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  if (error) return fail_errno(error.value(), fmt::format("cannot resolve {}", path.native()));
  fs::path resolved = fs::weakly_canonical(absolute, error);
  if (error) return fail_errno(error.value(), fmt::format("cannot resolve {}", path.native()));
  // A trailing slash would make filename() empty.
  if (resolved.filename().empty() && resolved.has_relative_path())
    resolved = resolved.parent_path();
  return resolved;
}

}  // namespace hpcenv::base
