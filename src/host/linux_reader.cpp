#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "host/reader.hpp"
#include "host/storage.hpp"

namespace hpcenv::host {

namespace {

constexpr std::size_t text_limit = 1U << 20U;

/// Files of /proc and /sys tell no size, hence the reads until the end.
std::optional<std::string> read_small(const std::string& path) {
  const base::Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return std::nullopt;
  std::string text;
  std::array<char, 16384> block{};
  while (text.size() < text_limit) {
    const ssize_t count = read(fd.get(), block.data(), block.size());
    if (count < 0) return std::nullopt;
    if (count == 0) break;
    text.append(block.data(), std::min(static_cast<std::size_t>(count), text_limit - text.size()));
  }
  return text;
}

class LinuxReader final : public HostReader {
 public:
  explicit LinuxReader(base::Environment environment) : environment_(std::move(environment)) {
    if (uname(&system_) != 0) system_ = {};
  }

  std::optional<std::string> read_text(const std::string& path) const override {
    return read_small(path);
  }

  std::vector<std::string> list(const std::string& path) const override {
    return base::list_directory(path).value_or(std::vector<std::string>{});
  }

  bool exists(const std::string& path) const override { return access(path.c_str(), F_OK) == 0; }

  std::optional<std::string> real_path(const std::string& path) const override {
    std::error_code error;
    const base::fs::path real = base::fs::canonical(path, error);
    if (error) return std::nullopt;
    return real.native();
  }

  std::string openable(const std::string& path) const override { return path; }
  std::optional<LibraryFacts> library(const std::string& path) const override {
    return read_library(path);
  }

  std::optional<int> open_error(const std::string& path) const override {
    const base::Fd fd(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
    return fd.valid() ? 0 : errno;
  }

  const base::Environment& environment() const override { return environment_; }
  std::optional<std::int64_t> taken_at() const override { return std::nullopt; }
  std::string hostname() const override { return &system_.nodename[0]; }
  std::string kernel_release() const override { return &system_.release[0]; }
  std::string machine() const override { return &system_.machine[0]; }
  bool is_root() const override { return geteuid() == 0; }

  std::optional<base::FileSystemFacts> file_system(const std::string& path) const override {
    Result<base::FileSystemFacts> facts = base::file_system_facts(path);
    if (!facts) return std::nullopt;
    return *std::move(facts);
  }

  std::vector<std::optional<MountFacts>> places(const std::vector<std::string>& paths,
                                                Trial trial) const override {
    return look_at_places(paths, trial);
  }

  LibcudaAnswer ask_libcuda(const LibcudaQuestion& question) const override {
    return host::ask_libcuda(question, environment_);
  }

 private:
  base::Environment environment_;
  utsname system_{};
};

}  // namespace

std::unique_ptr<HostReader> make_linux_reader(base::Environment environment) {
  return std::make_unique<LinuxReader>(std::move(environment));
}

}  // namespace hpcenv::host
