// A squashfs file system in one file (libsquashfs): contents are packed by several threads while
// they come, names and attributes at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "base/result.hpp"
#include "image/root_tree.hpp"

namespace hpcenv::image {

enum class SquashfsCompression {
  gzip,  ///< every kernel mounts it
  zstd,  ///< kernels from 4.14 that were built with it; smaller, and read faster
};

struct SquashfsSettings {
  SquashfsCompression compression = SquashfsCompression::gzip;
  std::size_t jobs = 1;  ///< threads that pack; the bytes of the file do not depend on it
  std::int64_t created =
      0;  ///< of the file system, and of directories that no layer names; seconds
};

class SquashfsWriter {
 public:
  /// Writes into `file`, which is there and empty, open for reading and writing as `fd`. `file`
  /// stands in messages; the descriptor is the caller's.
  static Result<SquashfsWriter> create(int fd, const std::filesystem::path& file,
                                       const SquashfsSettings& settings);
  SquashfsWriter(SquashfsWriter&&) noexcept;
  SquashfsWriter& operator=(SquashfsWriter&&) noexcept;
  ~SquashfsWriter();

  /// Contents of the inode with this number, in pieces, then end_file().
  Result<> begin_file(std::size_t inode);
  Result<> append(std::span<const std::byte> bytes);
  Result<> end_file();
  /// All that has a name in `tree`; the contents of its files were given before. The file is whole
  /// after it. Kind refused for more than 65536 different owners.
  Result<> finish(const RootTree& tree);

  struct State;

 private:
  explicit SquashfsWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hpcenv::image
