// An advisory lock on a file with a deadline (OFD locks).
#pragma once

#include <chrono>
#include <filesystem>

#include "base/fs.hpp"
#include "base/result.hpp"

namespace hpcenv::base {

class FileLock {
 public:
  /// Waits until the deadline; kind refused when another holds it, io where the file system cannot
  /// lock.
  static Result<FileLock> acquire(const std::filesystem::path& path,
                                  std::chrono::milliseconds deadline);

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace hpcenv::base
