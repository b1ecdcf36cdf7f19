// Places from which a program in our memory can be started.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/environment.hpp"
#include "base/fs.hpp"

namespace hpcenv::host {

/// The descriptor moved to 10 or above, close-on-exec: a child that arranges 0 to 3 overwrites none
/// of ours. Invalid when there is no room.
base::Fd above_standard(base::Fd fd);

/// Tries one place after the other: a memfd, then an unlinked private file in the directories that
/// users can usually write to.
class ImagePlaces {
 public:
  ImagePlaces(std::string_view image, const base::Environment& environment);
  /// A descriptor that execveat can start; invalid after the last place.
  base::Fd next();

 private:
  std::string_view image_;
  std::vector<std::string> directories_;
  std::size_t position_ = 0;
  bool memory_tried_ = false;
};

}  // namespace hpcenv::host
