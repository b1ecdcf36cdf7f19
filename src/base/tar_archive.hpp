// Tar archives as image layers use them (libarchive): all types of entries, owners, extended
// attributes; plain, gzip or zstd; in one pass, in bounded memory.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "base/archive.hpp"
#include "base/result.hpp"

namespace hpcenv::base {

struct TarEntry {
  enum class Type { file, directory, symlink, hardlink, character_device, block_device, fifo };
  Type type = Type::file;
  std::string path;    ///< bytes as in the archive, not yet judged safe
  std::string target;  ///< of a symlink or hardlink
  mode_t mode = 0644;  ///< permissions with setuid, setgid and sticky bit
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0;     ///< of a file
  std::int64_t modified = 0;  ///< seconds
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::map<std::string, std::string> xattrs;
};

/// Receives the entries in order. A failure that it returns ends the reading.
class TarSink {
 public:
  virtual ~TarSink() = default;
  virtual Result<> begin(const TarEntry& entry) = 0;
  /// Contents of a file, `entry.size` bytes in all (holes of a sparse file as zeros); for other
  /// types it is not called.
  virtual Result<> data(std::span<const std::byte> bytes) = 0;
  virtual Result<> end() = 0;
};

/// What is taken off before the tar is read. Plain tar is read under each of them, as container
/// engines do: a media type that is wrong there is not ours to judge.
enum class TarCompression { none, gzip, zstd, any };

/// Reads the whole archive (all bytes of the source, so that a digest taken there is complete):
/// ustar, GNU and pax; gzip of several members and zstd of several frames too. Names are bytes,
/// whatever the locale. Refused: damaged or truncated archive, an owner beyond 32 bits. `name`
/// stands in messages. Whiteouts and hard links are the sink's matter.
Result<> read_tar(const ByteSource& source, TarCompression compression, TarSink& sink,
                  const std::string& name);

}  // namespace hpcenv::base
