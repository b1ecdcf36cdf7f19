#include "cli/commands/squashfs_options.hpp"

#include "base/parallel.hpp"

namespace hpcenv::cli {

Result<std::optional<image::SquashfsOptions>> squashfs_options(const Arguments& arguments) {
  if (arguments.value("format") != "squashfs") return std::nullopt;
  image::SquashfsOptions options;
  const std::string how = arguments.value("compress", "gzip");
  if (how == "zstd") {
    options.compression = image::SquashfsCompression::zstd;
  } else if (how != "gzip") {
    return fail_hint(ErrorKind::usage,
                     fmt::format("--compress '{}' is not known for squashfs files", how),
                     "gzip or zstd");
  }
  options.jobs = base::available_processors();
  return options;
}

}  // namespace hpcenv::cli
