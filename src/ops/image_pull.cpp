#include "ops/image_pull.hpp"

#include "ops/image_squash.hpp"

namespace hpcenv::ops {

namespace {

Result<image::PulledImage> pull_layout(const ImagePullRequest& request,
                                       const image::RegistrySeams& seams,
                                       const image::RegistryOptions& options) {
  seams.reporter.step("Pulling " + image::reference_text(request.source));
  image::Repository repository(request.source, image::Access::pull, seams, options);
  HPCENV_ASSIGN(image::PulledImage pulled, image::find_image(repository, request.platform));
  HPCENV_ASSIGN(image::LayoutWriter writer, image::LayoutWriter::open(request.out, request.format));
  HPCENV_TRY(image::fetch_blobs(repository, request.platform, writer, pulled, seams.reporter));
  // Engines load it by its tag; a digest is no name to them.
  image::Reference name = request.source;
  if (!name.tag.empty()) name.digest.clear();
  seams.reporter.step("Writing " + request.out.native());
  HPCENV_TRY(writer.commit(pulled.manifest_text, image::reference_text(name)));
  return pulled;
}

}  // namespace

Result<image::PulledImage> pull_image(const ImagePullRequest& request,
                                      const image::RegistrySeams& seams,
                                      const image::RegistryOptions& options) {
  if (!request.squashfs) return pull_layout(request, seams, options);
  HPCENV_TRY(image::check_squashfs_place(request.out));
  ImagePullRequest layers = request;
  layers.out = layout_for_squashfs(request.out);
  layers.format = image::ImageFormat::oci_dir;
  HPCENV_ASSIGN(image::PulledImage pulled, pull_layout(layers, seams, options));
  HPCENV_TRY(squash_layout(request.out, request.platform, *request.squashfs, seams.reporter));
  return pulled;
}

}  // namespace hpcenv::ops
