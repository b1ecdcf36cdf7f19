// Package archives (libarchive): `.conda` (zip of two tar.zst) and `.tar.bz2`, read in
// one pass from a source of bytes.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/result.hpp"

namespace hpcenv::base {

/// Where the bytes come from; blocks until some are there. An empty span is the end.
using ByteSource = std::function<Result<std::span<const std::byte>>()>;

struct ArchiveEntry {
  enum class Type { file, directory, symlink, hardlink };
  Type type = Type::file;
  std::string path;    ///< as in the archive, not yet judged safe
  std::string target;  ///< of a symlink or hardlink
  mode_t mode = 0644;
  std::int64_t size = 0;
  std::int64_t modified = 0;  ///< seconds
};

/// Receives the entries in order.
class ArchiveSink {
 public:
  virtual ~ArchiveSink() = default;
  virtual Result<> begin(const ArchiveEntry& entry) = 0;
  virtual Result<> data(std::span<const std::byte> bytes) = 0;
  virtual Result<> end() = 0;
};

enum class ArchiveFormat { conda, tar_bz2 };

/// Whether the archive's own checksums are compared; `skip` where the source knows the digest of
/// the whole.
enum class ArchiveChecksums { compare, skip };

/// Reads the whole archive (all bytes of the source, so that a digest taken there is complete).
/// Refused: damaged or truncated archive, device nodes and other types, a `.conda` without its two
/// inner archives. `name` stands in messages.
Result<> read_package_archive(ArchiveFormat format, const ByteSource& source, ArchiveSink& sink,
                              const std::string& name,
                              ArchiveChecksums checksums = ArchiveChecksums::compare);

}  // namespace hpcenv::base
