// A directory that goes with the object.
#pragma once

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/fs.hpp"

namespace hpcenv::fake {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    auto made =
        base::make_private_directory(std::filesystem::temp_directory_path(), "hpcenv-test-");
    if (!made.has_value()) throw std::runtime_error(made.error().message);
    path_ = std::move(*made);
  }
  ~TemporaryDirectory() { static_cast<void>(base::remove_tree(path_)); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Writes a file, with its directories.
  void write(std::string_view name, std::string_view text) const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace hpcenv::fake
