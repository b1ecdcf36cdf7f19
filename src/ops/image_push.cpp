#include "ops/image_push.hpp"

#include <mutex>
#include <utility>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "image/image_file.hpp"
#include "image/transfer.hpp"

namespace hpcenv::ops {

namespace {

namespace fs = std::filesystem;
using image::Arrival;
using image::Descriptor;
using image::Repository;

constexpr std::uint64_t sbom_limit = std::uint64_t{256} << 20U;
constexpr std::string_view empty_type = "application/vnd.oci.empty.v1+json";
constexpr const char* empty_document = "{}";

struct Sbom {
  fs::path file;
  std::string text;
  Descriptor descriptor;
};

Result<Sbom> read_sbom(const fs::path& file) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(file, error);
  if (!error && size > sbom_limit) {
    return fail(ErrorKind::refused, "{} is too large for a bill of materials: {} bytes",
                file.native(), size);
  }
  Sbom sbom{file, {}, {}};
  HPCENV_ASSIGN(sbom.text, base::read_file(file));
  const Result<base::Json> json = base::parse_json(sbom.text, file.native());
  const bool object = json.has_value() && json->is_object();
  const char* type = nullptr;
  if (object && base::string_or(*json, "bomFormat") == "CycloneDX") {
    type = "application/vnd.cyclonedx+json";
  }
  if (object && json->contains("spdxVersion")) type = "application/spdx+json";
  if (type == nullptr) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("{} is no bill of materials in JSON", file.native()),
                     "give one in the form of CycloneDX or SPDX");
  }
  sbom.descriptor = image::describe(sbom.text, type);
  return sbom;
}

std::string artifact_text(const Sbom& sbom, const Descriptor& subject) {
  image::Manifest artifact;
  artifact.media_type = image::media_type::manifest;
  artifact.artifact_type = sbom.descriptor.media_type;
  artifact.config = image::describe(empty_document, empty_type);
  artifact.layers = {sbom.descriptor};
  artifact.layers.front().annotations["org.opencontainers.image.title"] = sbom.file.filename();
  artifact.subject = Descriptor{subject.media_type, subject.digest, subject.size, {}};
  return image::manifest_text(artifact);
}

/// One push: what has to be told at its end is counted on the way.
class Push {
 public:
  Push(const ImagePushRequest& request, const image::ImageFile& file,
       const image::RegistrySeams& seams, const image::RegistryOptions& options)
      : request_(request),
        file_(file),
        reporter_(seams.reporter),
        repository_(request.target, image::Access::push, seams, options, request.mount_from) {}

  Result<ImagePushReport> run(const std::vector<Sbom>& sboms) {
    report_.manifest = file_.descriptor();
    HPCENV_TRY(send_blobs());
    HPCENV_TRY(attach_all(sboms));
    const std::string& tag = request_.target.tag;
    HPCENV_TRY(repository_.put_manifest(tag.empty() ? report_.manifest.digest : tag,
                                        file_.manifest_text(), report_.manifest.media_type));
    return std::move(report_);
  }

 private:
  Result<> send_blobs() {
    std::vector<Descriptor> all = file_.manifest().layers;
    all.push_back(file_.manifest().config);
    const std::vector<Descriptor> blobs = image::distinct_blobs(std::move(all));
    return image::Transfer(blobs, reporter_)
        .run(repository_.jobs(),
             [&](const Descriptor& blob, const image::BlobProgress& told) -> Result<> {
               HPCENV_ASSIGN(const image::BlobPlace place, file_.place(blob));
               return send(blob, place, told);
             });
  }

  Result<> send(const Descriptor& blob, const image::BlobBytes& source,
                const image::BlobProgress& told) {
    HPCENV_ASSIGN(const Arrival arrival, repository_.send_blob(blob, source, told));
    const std::lock_guard lock(mutex_);
    if (arrival == Arrival::there) ++report_.there;
    if (arrival == Arrival::mounted) ++report_.mounted;
    if (arrival != Arrival::sent) return {};
    ++report_.sent;
    report_.bytes_sent += blob.size;
    return {};
  }

  /// The image is put under its digest first: what is attached needs a subject, and the tag comes
  /// last.
  Result<> attach_all(const std::vector<Sbom>& sboms) {
    if (sboms.empty()) return {};
    const image::BlobProgress quiet = [](std::uint64_t) -> Result<> { return {}; };
    HPCENV_TRY(
        send(image::describe(empty_document, empty_type), std::string(empty_document), quiet));
    for (const Sbom& sbom : sboms) HPCENV_TRY(send(sbom.descriptor, sbom.text, quiet));
    HPCENV_TRY(repository_.put_manifest(report_.manifest.digest, file_.manifest_text(),
                                        report_.manifest.media_type));
    for (const Sbom& sbom : sboms) {
      const std::string text = artifact_text(sbom, report_.manifest);
      HPCENV_ASSIGN(const Repository::AttachedBy by, repository_.attach(report_.manifest, text));
      report_.attached.push_back({sbom.file, image::describe(text, image::media_type::manifest),
                                  sbom.descriptor.media_type, by});
    }
    return {};
  }

  const ImagePushRequest& request_;
  const image::ImageFile& file_;
  base::Reporter& reporter_;
  Repository repository_;
  std::mutex mutex_;
  ImagePushReport report_;
};

Result<> check_target(const ImagePushRequest& request, const image::ImageFile& file) {
  const std::string& wanted = request.target.digest;
  if (!wanted.empty() && wanted != file.descriptor().digest) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("{} has the digest {}, not {}", request.image.native(),
                                 file.descriptor().digest, wanted),
                     "leave the digest out: it follows from the image");
  }
  if (!request.mount_from.has_value() || request.mount_from->registry == request.target.registry) {
    return {};
  }
  return fail_hint(
      ErrorKind::usage,
      fmt::format("blobs cannot be taken from {}: it is another registry than {}",
                  image::repository_text(*request.mount_from), request.target.registry),
      "name a repository of the same registry");
}

}  // namespace

Result<ImagePushReport> push_image(const ImagePushRequest& request,
                                   const image::RegistrySeams& seams,
                                   const image::RegistryOptions& options) {
  HPCENV_ASSIGN(const image::ImageFile file,
                request.platform ? image::ImageFile::open(request.image, *request.platform)
                                 : image::ImageFile::open_any(request.image));
  HPCENV_TRY(check_target(request, file));
  std::vector<Sbom> sboms;
  for (const fs::path& path : request.sboms) {
    HPCENV_ASSIGN(Sbom sbom, read_sbom(path));
    sboms.push_back(std::move(sbom));
  }
  seams.reporter.step("Pushing to " + image::reference_text(request.target));
  return Push(request, file, seams, options).run(sboms);
}

}  // namespace hpcenv::ops
