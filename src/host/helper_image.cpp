#include "host/helper_image.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace hpcenv::host {

namespace {

constexpr int first_free_fd = 10;

base::Fd memory_file() {
  constexpr unsigned close_on_exec = 1;
  constexpr unsigned executable = 0x10;  // kernels before 6.3 answer EINVAL
  const char* name = "hpcenv-probe";
  long fd = syscall(SYS_memfd_create, name, close_on_exec | executable);
  if (fd < 0 && errno == EINVAL) fd = syscall(SYS_memfd_create, name, close_on_exec);
  return base::Fd(static_cast<int>(fd));
}

base::Fd filled(base::Fd fd, std::string_view image) {
  if (!fd.valid() || !base::write_all(fd.get(), image, "the libcuda helper")) return {};
  return above_standard(std::move(fd));
}

/// A file that can be started has no open writer, hence the second open; it is unlinked at once.
base::Fd file_in(const std::string& directory, std::string_view image) {
  constexpr std::size_t replaced_letters = 6;  // mkostemp's demand
  std::string path = directory + "/.hpcenv-probe-" + std::string(replaced_letters, 'X');
  base::Fd writer(mkostemp(path.data(), O_CLOEXEC));
  if (!writer.valid()) return {};
  base::Fd reader;
  if (fchmod(writer.get(), 0700) == 0 && base::write_all(writer.get(), image, path)) {
    reader = base::Fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  }
  unlink(path.c_str());
  writer = base::Fd();
  return reader.valid() ? above_standard(std::move(reader)) : base::Fd();
}

}  // namespace

base::Fd above_standard(base::Fd fd) {
  if (!fd.valid() || fd.get() >= first_free_fd) return fd;
  return base::Fd(fcntl(fd.get(), F_DUPFD_CLOEXEC, first_free_fd));
}

ImagePlaces::ImagePlaces(std::string_view image, const base::Environment& environment)
    : image_(image) {
  for (const char* variable : {"TMPDIR", "XDG_RUNTIME_DIR"}) {
    if (const auto value = environment.get(variable); value && value->starts_with('/')) {
      directories_.push_back(*value);
    }
  }
  for (const char* directory : {"/tmp", "/var/tmp", "/dev/shm"})
    directories_.emplace_back(directory);
  if (const auto home = environment.get("HOME"); home && home->starts_with('/')) {
    directories_.push_back(*home);
  }
}

base::Fd ImagePlaces::next() {
  if (!memory_tried_) {
    memory_tried_ = true;
    if (base::Fd fd = filled(memory_file(), image_); fd.valid()) return fd;
  }
  while (position_ < directories_.size()) {
    if (base::Fd fd = file_in(directories_[position_++], image_); fd.valid()) return fd;
  }
  return {};
}

}  // namespace hpcenv::host
