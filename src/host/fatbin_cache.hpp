// What was found in libraries before, so that a second look need not read them again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "host/fatbin.hpp"

namespace hpcenv::host {

/// What tells that a file is still the same one.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;  ///< since the epoch
  auto operator<=>(const FileIdentity&) const = default;
};

/// Not for several threads at once.
class FatbinCache {
 public:
  /// `file` may be empty: nothing is kept then. A file that is missing, damaged, of another
  /// version, of another user or that others can write to counts as empty, without a word.
  explicit FatbinCache(std::filesystem::path file);

  /// `scan_fatbin_path`, from memory where the file has not changed since; with its kinds.
  Result<FatbinTargets> scan(const std::filesystem::path& library);
  /// Writes what is new, aside and by rename, for the user alone. Kind io.
  Result<> save();
  std::size_t reads() const { return reads_; }  ///< libraries that had to be read

 private:
  std::filesystem::path file_;
  std::map<FileIdentity, FatbinTargets> known_;
  std::map<FileIdentity, FatbinTargets> used_;
  std::size_t reads_ = 0;
};

}  // namespace hpcenv::host
