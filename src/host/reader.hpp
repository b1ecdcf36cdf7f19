// What the machine shows of itself. HostReader is one of the five seams: the real one
// reads /, another one a captured tree (captured_reader), and a third writes such a tree down
// (recording_reader). A question more is a function here and a line in each of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/fs.hpp"
#include "base/result.hpp"
#include "host/libcuda.hpp"
#include "host/library_facts.hpp"
#include "host/storage_facts.hpp"

namespace hpcenv::host {

/// Whether files of our own are made to see what a file system can do: in a private directory that
/// is removed again, and only in directories of this user's or such as /tmp.
enum class Trial { no, yes };

class HostReader {
 public:
  virtual ~HostReader() = default;
  /// A small file whole (at most 1 MiB), nullopt where it cannot be read.
  virtual std::optional<std::string> read_text(const std::string& path) const = 0;
  /// Names in a directory, sorted; empty where it cannot be read.
  virtual std::vector<std::string> list(const std::string& path) const = 0;
  virtual bool exists(const std::string& path) const = 0;
  /// The file that a symlink chain ends at; nullopt where there is none.
  virtual std::optional<std::string> real_path(const std::string& path) const = 0;
  /// The path as this process can open it (a captured tree lies elsewhere).
  virtual std::string openable(const std::string& path) const = 0;
  /// What a shared library says of itself; nullopt where no regular file can be read.
  virtual std::optional<LibraryFacts> library(const std::string& path) const = 0;
  /// The errno of opening a device file for reading and writing, 0 where it opens; nullopt: not
  /// known. Only for files whose opening starts nothing: never /dev/nvidiaN.
  virtual std::optional<int> open_error(const std::string& path) const = 0;
  virtual const base::Environment& environment() const = 0;
  /// When what is read was written down, seconds since the epoch; nullopt: it is as it is now.
  virtual std::optional<std::int64_t> taken_at() const = 0;
  virtual std::string hostname() const = 0;
  virtual std::string kernel_release() const = 0;  ///< "6.1.0-18-amd64"
  virtual std::string machine() const = 0;         ///< "x86_64"
  virtual bool is_root() const = 0;
  virtual std::optional<base::FileSystemFacts> file_system(const std::string& path) const = 0;
  /// Directories as places for files, `purpose`, mount point and quotas left open; nullopt where
  /// nothing is known. A file server that hangs is told as such, after a few seconds. As it stands
  /// here: what `file_system` says.
  virtual std::vector<std::optional<MountFacts>> places(const std::vector<std::string>& paths,
                                                        Trial trial) const;
  /// Asks a library in a process of its own (host/libcuda.hpp); a captured tree tells what was
  /// answered when it was taken.
  virtual LibcudaAnswer ask_libcuda(const LibcudaQuestion& question) const = 0;
};

std::unique_ptr<HostReader> make_linux_reader(base::Environment environment);

}  // namespace hpcenv::host
