#include "prefix/copy.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "base/fault.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

constexpr mode_t permission_bits = 0777;
constexpr std::size_t buffer_size = 256U << 10U;

Result<> close_file(base::Fd fd, const fs::path& name) {
  if (close(fd.release()) == 0 || errno == EINTR) return {};
  return fail_errno(errno, fmt::format("cannot write {}", name.native()));
}

Result<std::uint64_t> copy_bytes(int from, int to, const fs::path& source, const fs::path& target) {
  std::vector<char> buffer(buffer_size);
  std::uint64_t total = 0;
  for (;;) {
    const ssize_t got = read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, fmt::format("cannot read {}", source.native()));
    if (got == 0) return total;
    const auto count = static_cast<std::size_t>(got);
    base::fault_point("copy.write");
    HPCENV_TRY(base::write_all(to, std::string_view(buffer.data(), count), target));
    total += count;
  }
}

}  // namespace

Result<MappedFile> MappedFile::open(const fs::path& path) {
  HPCENV_ASSIGN(const base::Fd fd, base::open_read(path));
  struct stat status{};
  if (fstat(fd.get(), &status) != 0) {
    return fail_errno(errno, fmt::format("cannot read {}", path.native()));
  }
  MappedFile file;
  file.mode_ = status.st_mode & permission_bits;
  file.size_ = static_cast<std::size_t>(status.st_size);
  if (file.size_ == 0) return file;
  // All of it is read, from front to back: faults one by one would cost more than the reading.
  constexpr int flags = MAP_PRIVATE | MAP_POPULATE;
  void* data = mmap(nullptr, file.size_, PROT_READ, flags, fd.get(), 0);
  if (data == MAP_FAILED) {
    file.size_ = 0;
    return fail_errno(errno, fmt::format("cannot read {}", path.native()));
  }
  file.data_ = static_cast<const char*>(data);
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      mode_(other.mode_) {}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<char*>(data_), size_);
}

Result<NewFile> NewFile::create(const fs::path& path, mode_t mode) {
  base::fault_point("new_file.create");
  HPCENV_ASSIGN(base::Fd fd, base::create_new(path, mode & permission_bits));
  return NewFile(std::move(fd), path);
}

Result<> NewFile::write(std::string_view bytes) {
  if (bytes.empty()) return {};
  base::fault_point("new_file.write");
  HPCENV_TRY(base::write_all(fd_.get(), bytes, path_));
  hasher_.update(bytes);
  size_ += bytes.size();
  return {};
}

Result<std::string> NewFile::finish() {
  HPCENV_TRY(close_file(std::move(fd_), path_));
  return hasher_.finish();
}

Result<std::uint64_t> copy_contents(const fs::path& source, const fs::path& target) {
  HPCENV_ASSIGN(const base::Fd from, base::open_read(source));
  struct stat status{};
  if (fstat(from.get(), &status) != 0) {
    return fail_errno(errno, fmt::format("cannot read {}", source.native()));
  }
  base::fault_point("copy.create");
  HPCENV_ASSIGN(base::Fd to, base::create_new(target, status.st_mode & permission_bits));
  auto copied = static_cast<std::uint64_t>(status.st_size);
  base::fault_point("copy.clone");
  if (ioctl(to.get(), FICLONE, from.get()) != 0) {
    HPCENV_ASSIGN(copied, copy_bytes(from.get(), to.get(), source, target));
  }
  const struct timespec times[2] = {status.st_atim, status.st_mtim};
  base::fault_point("copy.times");
  if (futimens(to.get(), times) != 0) {
    return fail_errno(errno, fmt::format("cannot set the time of {}", target.native()));
  }
  HPCENV_TRY(close_file(std::move(to), target));
  return copied;
}

}  // namespace hpcenv::prefix
