// What commands that write squashfs files have in common.
#pragma once

#include <optional>

#include "cli/command.hpp"
#include "image/squashfs.hpp"

namespace hpcenv::cli {

constexpr OptionSpec squashfs_compress_option{
    "--compress", "HOW", "of a squashfs file: gzip (default; every kernel mounts it) or zstd"};

/// Where --format says squashfs: how it is packed. Kind usage for what squashfs does not know.
Result<std::optional<image::SquashfsOptions>> squashfs_options(const Arguments& arguments);

}  // namespace hpcenv::cli
