// What programs of clusters read in an image that has no OCI configuration beside it: enroot (and
// pyxis) in /etc, Apptainer in /.singularity.d. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/tar_archive.hpp"
#include "image/oci.hpp"

namespace hpcenv::image {

struct LaunchFile {
  base::TarEntry entry;
  std::string contents;
};

struct LaunchFiles {
  /// They replace what the image has in these places.
  std::vector<LaunchFile> files;
  /// Where programs mount something: for an image that lacks them.
  std::vector<LaunchFile> mount_points;
  /// Variables that enroot's file cannot hold: line ends, or "${NAME}", which it would fill from
  /// the host.
  std::vector<std::string> not_for_enroot;
};

/// So that environment, working directory and command of the configuration hold there. `modified`:
/// the time of the files, seconds.
LaunchFiles launch_files(const ImageConfig& config, std::int64_t modified);

}  // namespace hpcenv::image
