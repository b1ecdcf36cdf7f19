// An image as one squashfs file that Apptainer, enroot, pyxis and Charliecloud run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/reporter.hpp"
#include "base/result.hpp"
#include "image/image_file.hpp"
#include "image/squashfs_writer.hpp"

namespace hpcenv::image {

struct SquashfsOptions {
  SquashfsCompression compression = SquashfsCompression::gzip;
  std::size_t jobs = 1;
  /// Of the file system, seconds (SOURCE_DATE_EPOCH); where it is not given, the configuration's
  /// `created`.
  std::optional<std::int64_t> created;
};

/// Kind refused for what such a file may not replace: before long work.
Result<> check_squashfs_place(const std::filesystem::path& out);

/// The layers of `image` become one tree, owners and times as the layers have them, with the files
/// of image/launch_files.hpp. The bytes depend on image, compression and time alone. Memory is
/// bounded by the number of files, not by their size. Written as OUT.partial.sqsh, which `out`
/// replaces; nothing stays where it fails. Kind refused: damaged layers, `out` is a directory,
/// another process is making it.
Result<> write_squashfs(const ImageFile& image, const std::filesystem::path& out,
                        const SquashfsOptions& options, base::Reporter& reporter);

}  // namespace hpcenv::image
