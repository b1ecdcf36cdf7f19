// File contents on their way into a prefix.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/fs.hpp"
#include "base/hash.hpp"
#include "base/result.hpp"

namespace hpcenv::prefix {

/// A file's bytes in memory, read-only. The mapping is the process's own; a file that is cut short
/// meanwhile is the one thing it does not survive, as with any program that is run.
class MappedFile {
 public:
  static Result<MappedFile> open(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();
  std::string_view bytes() const { return {data_, size_}; }
  mode_t mode() const { return mode_; }

 private:
  MappedFile() = default;
  const char* data_ = nullptr;
  std::size_t size_ = 0;
  mode_t mode_ = 0;
};

/// A new file that is written piece by piece and hashed on the way.
class NewFile {
 public:
  /// Permission bits of `mode` under the umask; kind io where the path exists.
  static Result<NewFile> create(const std::filesystem::path& path, mode_t mode);
  Result<> write(std::string_view bytes);
  /// Closes (network file systems report a full disk only here); gives the sha256.
  Result<std::string> finish();
  std::uint64_t size() const { return size_; }

 private:
  NewFile(base::Fd fd, std::filesystem::path path)
      : fd_(std::move(fd)), path_(std::move(path)), hasher_(base::HashKind::sha256) {}
  base::Fd fd_;
  std::filesystem::path path_;
  base::Hasher hasher_;
  std::uint64_t size_ = 0;
};

/// Copies a file with its permission bits (under the umask) and its time of modification: bytecode
/// that a package ships is valid for that time only. Shares blocks where the file system can.
/// Gives the bytes copied.
Result<std::uint64_t> copy_contents(const std::filesystem::path& source,
                                    const std::filesystem::path& target);

}  // namespace hpcenv::prefix
