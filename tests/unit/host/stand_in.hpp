// Libraries for tests, compiled when the test runs.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace hpcenv::tests {

/// A private directory that goes with the object.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Runs gcc; the test fails where that fails.
void run_gcc(const std::vector<std::string>& arguments);

/// DIRECTORY/libcuda.so.1 from tests/fake/libcuda.c with one -D (empty: the good one).
std::filesystem::path make_libcuda(const std::filesystem::path& directory,
                                   const std::string& define);

}  // namespace hpcenv::tests
