#include "prefix/link_trial.hpp"

#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "base/fault.hpp"
#include "base/fs.hpp"
#include "prefix/layout_names.hpp"
#include "prefix/own_folder.hpp"
#include "prefix/prefix_lock.hpp"
#include "prefix/state.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

/// As a writer's folder is called: the next writer removes what a killed one leaves.
constexpr std::string_view inside_stem = "change-";

}  // namespace

LinkTrial::LinkTrial(fs::path prefix)
    : prefix_(std::move(prefix)), is_inside_(is_environment(prefix_)) {
  if (is_inside_ && !make_own_folder(prefix_).has_value()) return;
  const fs::path parent = is_inside_ ? prefix_ / own_folder : prefix_.parent_path();
  const std::string stem = is_inside_ ? std::string(inside_stem) : sibling_stem(prefix_);
  Result<fs::path> made = base::make_private_directory(parent, stem);
  if (!made.has_value()) return;
  folder_ = *std::move(made);
  // In a prefix that a group shares others have to be able to remove it.
  if (is_inside_) static_cast<void>(share_as_prefix(prefix_, folder_));
}

LinkTrial::~LinkTrial() {
  if (!folder_.empty()) {
    base::fault_point("trial.rmdir");
    rmdir(folder_.c_str());
  }
  if (is_inside_) remove_empty_own_folder(prefix_);
}

int LinkTrial::refusal(const fs::path& file) const {
  if (folder_.empty()) return 0;
  const fs::path name = folder_ / "name";
  base::fault_point("trial.link");
  // ENOENT: another writer took the folder for a leftover, or the file is gone.
  if (link(file.c_str(), name.c_str()) != 0) return errno == ENOENT ? 0 : errno;
  base::fault_point("trial.unlink");
  unlink(name.c_str());
  return 0;
}

}  // namespace hpcenv::prefix
