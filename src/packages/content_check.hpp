// Does a package hold what its paths.json says? Asked of one that was just unpacked, and of one
// that lies in a cache.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "conda/paths_json.hpp"
#include "packages/extract.hpp"

namespace hpcenv::packages {

/// Refused, naming the file and what differs, where paths.json cannot be read, leads out of the
/// prefix, or lists a file that is missing or has another size or sha256. `name` is the archive.
/// Gives UnpackedPackage::paths.
Result<std::vector<conda::PackagePath>> check_written(const std::filesystem::path& package,
                                                      const DirectoryWriter::Written& written,
                                                      const std::string& name);

/// What becomes of a difference between a package and its paths.json (conda's `safety_checks`).
enum class SafetyChecks {
  enabled,   ///< the package is refused; of a cache, fetched again
  warn,      ///< it is said, and the package is used
  disabled,  ///< nobody looks
};

enum class CacheCheck {
  newer,  ///< hashes the files that are newer than repodata_record.json
  all,    ///< hashes all files (conda's `extra_safety_checks`)
};

/// The same for a package that was unpacked some time ago: presence and size of each file, and the
/// sha256 of those that `check` says. Kind refused with one sentence in `message`; nothing is
/// changed.
Result<std::vector<conda::PackagePath>> check_cached(const std::filesystem::path& package,
                                                     CacheCheck check);

}  // namespace hpcenv::packages
