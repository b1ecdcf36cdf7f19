#include "ops/image_squash.hpp"

#include "base/fs.hpp"
#include "image/image_file.hpp"

namespace hpcenv::ops {

std::filesystem::path layout_for_squashfs(const std::filesystem::path& out) {
  return {out.native() + ".layers"};
}

Result<> squash_layout(const std::filesystem::path& out, const image::Platform& platform,
                       const image::SquashfsOptions& options, base::Reporter& reporter) {
  const std::filesystem::path layout = layout_for_squashfs(out);
  HPCENV_ASSIGN(const image::ImageFile made, image::ImageFile::open(layout, platform));
  HPCENV_TRY(image::write_squashfs(made, out, options, reporter));
  return base::remove_tree(layout);
}

}  // namespace hpcenv::ops
