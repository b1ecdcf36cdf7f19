// Package archives made byte by byte, the broken and the hostile included.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hpcenv::test {

/// One header and its data in a tar; every field is written as it is given.
struct TarEntry {
  std::string path;
  std::string data = {};
  char type = '0';  ///< '0' file, '1' hard link, '2' symlink, '3' device, '5' directory, '6' fifo
  std::string target = {};
  unsigned mode = 0644;
  std::int64_t modified = 1'700'000'000;
};

/// A ustar archive with its end; paths longer than 99 bytes and names beyond ASCII go into pax
/// headers, as Python's tarfile writes them.
std::string tar_of(const std::vector<TarEntry>& entries);

struct ZipMember {
  std::string name;
  std::string data;
};

enum class ZipStyle {
  sizes_first,      ///< sizes in the local header
  data_descriptor,  ///< sizes after the data
  zip64,            ///< 64-bit sizes in an extra field
};

/// A zip with stored members.
std::string zip_of(const std::vector<ZipMember>& members, ZipStyle style = ZipStyle::sizes_first);

/// A `.conda` archive: info/ entries go into the info tar, the others into the pkg tar.
std::string conda_of(const std::vector<TarEntry>& entries, std::string_view stem,
                     ZipStyle style = ZipStyle::sizes_first);

/// The least that a package holds, for `conda_of` and for a tar.bz2: info/index.json and one file,
/// share/NAME.
std::vector<TarEntry> minimal_package(const std::string& name, const std::string& version,
                                      const std::string& build);

/// bzip2 through the machine's python3.
std::string bzip2_of(std::string_view bytes);

}  // namespace hpcenv::test
