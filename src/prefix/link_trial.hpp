// Whether files of the package cache can have second names where an environment will lie: tried, as
// neither devices nor limits tell it (project quotas, bind mounts, file systems without hard links,
// files that have all the links that they can have).
#pragma once

#include <filesystem>

namespace hpcenv::prefix {

class LinkTrial {
 public:
  /// Makes a directory for it, in the environment or beside its place; where none can be made, or
  /// the place's parent is still missing, everything is said to link.
  explicit LinkTrial(std::filesystem::path prefix);
  ~LinkTrial();
  LinkTrial(const LinkTrial&) = delete;
  LinkTrial& operator=(const LinkTrial&) = delete;

  /// Makes the name and takes it away again: 0, or the errno with which the kernel refused. One
  /// thread at a time.
  int refusal(const std::filesystem::path& file) const;

 private:
  std::filesystem::path prefix_;
  std::filesystem::path folder_;  ///< empty: nothing is tried
  bool is_inside_ = false;
};

}  // namespace hpcenv::prefix
