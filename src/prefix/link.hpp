// One path of a package put into a directory tree: hard link, copy, patched copy, symlink, script.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "conda/prefix_record.hpp"
#include "conda/unpacked_package.hpp"
#include "prefix/create.hpp"
#include "prefix/layout.hpp"

namespace hpcenv::prefix {

struct LinkedPath {
  enum class How { directory, hardlink, copy, patched, symlink, script };
  How how = How::hardlink;
  conda::InstalledPath installed;   ///< as it stands in the package's record
  std::uint64_t bytes_written = 0;  ///< of file contents
  std::string note;                 ///< one sentence for the user, or empty
};

/// What the record of its package says of a path before it is linked.
conda::InstalledPath installed_path(const PlannedPath& path);

/// Links paths of `packages` under `directory`, whose directories are there already. Files get the
/// prefix written in. `link` may be called from several threads.
class Linker {
 public:
  Linker(const std::vector<conda::UnpackedPackage>& packages, std::filesystem::path directory,
         std::filesystem::path prefix, std::optional<PythonFacts> python, LinkOptions::Files files);

  /// Kind refused where the unpacked package lacks the file, io or no_space where the disk fails.
  Result<LinkedPath> link(const PlannedPath& path);
  /// How the files of a package were linked: copy once a file that could have been a link was
  /// copied.
  conda::LinkType link_type(std::size_t package) const;

 private:
  /// Whether hard links of a package's files work here; found out with its first file.
  enum class HardLinks { unknown, work, refused };

  Result<LinkedPath> link_source(const PlannedPath& path);
  Result<LinkedPath> link_file(const PlannedPath& path, const std::string& source,
                               std::uint64_t size);
  Result<LinkedPath> link_patched(const PlannedPath& path, const std::filesystem::path& source);
  Result<LinkedPath> link_script(const PlannedPath& path);
  /// True where the hard link was made, false where a copy has to be.
  Result<bool> try_hard_link(const PlannedPath& path, const std::string& source);
  std::string target_of(const PlannedPath& path) const;

  const std::vector<conda::UnpackedPackage>& packages_;
  std::filesystem::path directory_;
  std::filesystem::path prefix_;
  std::optional<PythonFacts> python_;
  std::deque<std::atomic<HardLinks>> hard_links_;  ///< a deque: atomics do not move
};

}  // namespace hpcenv::prefix
