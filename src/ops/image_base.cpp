#include "ops/image_base.hpp"

#include "base/fs.hpp"
#include "conda/match_spec.hpp"
#include "image/pull.hpp"
#include "image/reference.hpp"
#include "image/registry.hpp"

namespace hpcenv::ops {
namespace {

/// The first package that the base's glibc is too old for, with its spec.
std::optional<std::pair<const conda::PackageRecord*, std::string>> too_new(
    const std::vector<conda::PackageRecord>& records, const conda::Version& glibc) {
  for (const conda::PackageRecord& record : records) {
    for (const std::string& text : record.depends) {
      if (!text.starts_with("__glibc")) continue;
      const auto spec = conda::MatchSpec::parse(text);
      if (spec && spec->name.matches("__glibc") && !spec->version.matches(glibc)) {
        return std::pair(&record, text);
      }
    }
  }
  return std::nullopt;
}

/// What looks like a path is none that exists.
Result<image::Reference> reference_of(const std::string& text) {
  const bool is_path = text.starts_with('/') || text.starts_with('.') || text.ends_with(".tar");
  if (!is_path) return image::parse_reference(text);
  return fail_hint(ErrorKind::not_found, fmt::format("there is no image {}", text),
                   "name an OCI layout, an oci-archive or a docker-archive, or an image in a "
                   "registry");
}

std::string title_of(const ImageBase& base) {
  if (!base.facts.system.empty()) return fmt::format("the base ({})", base.facts.system);
  return "the base";
}

}  // namespace

Result<ImageBase> open_base(const std::string& text, const image::Platform& platform,
                            const Locations& locations, const image::RegistrySeams& seams,
                            const image::RegistryOptions& options) {
  ImageBase base;
  base.config.platform = platform;
  if (text == "none") return base;
  if (base::path_exists(text)) {
    HPCENV_ASSIGN(base.image, image::ImageFile::open(text, platform));
    // A tag alone is no name.
    const std::string& name = base.image->reference();
    if (name.find_first_of(":/") != std::string::npos) base.name = name;
    base.digest = base.image->descriptor().digest;
  } else {
    HPCENV_ASSIGN(const image::Reference reference, reference_of(text));
    HPCENV_ASSIGN(const image::PulledBase pulled,
                  image::pull_base(reference, platform, locations.base_images(), seams, options));
    HPCENV_ASSIGN(base.image, image::ImageFile::open(pulled.layout, platform));
    base.name = image::reference_text(reference);
    base.digest = pulled.reference.digest;
  }
  base.config = base.image->config();
  HPCENV_ASSIGN(base.facts, image::look_into(*base.image));
  return base;
}

Result<image::Manifest> manifest_of(const std::string& text, const image::Platform& platform,
                                    const image::RegistrySeams& seams,
                                    const image::RegistryOptions& options) {
  if (base::path_exists(text)) {
    HPCENV_ASSIGN(const image::ImageFile image, image::ImageFile::open(text, platform));
    return image.manifest();
  }
  HPCENV_ASSIGN(const image::Reference reference, reference_of(text));
  image::Repository repository(reference, image::Access::pull, seams, options);
  HPCENV_ASSIGN(const image::PulledImage found, image::find_image(repository, platform));
  return image::parse_manifest(found.manifest_text, text);
}

Result<std::vector<std::string>> check_base(const ImageBase& base,
                                            const std::vector<conda::PackageRecord>& records) {
  std::vector<std::string> notes;
  if (!base.image.has_value()) {
    notes.emplace_back(
        "the image has no base: it runs only on one that brings a C library, as a layer");
    return notes;
  }
  const auto glibc = conda::Version::parse(base.facts.glibc);
  if (base.facts.glibc.empty() || !glibc) {
    notes.push_back(fmt::format("{} has no glibc that hpcenv can find: conda's programs need one",
                                title_of(base)));
  } else if (const auto found = too_new(records, *glibc)) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("{} needs {}, and {} has glibc {}", found->first->dist_name(),
                                 found->second, title_of(base), base.facts.glibc),
                     "choose a newer base, such as --base docker.io/library/debian:13-slim");
  }
  if (!base.facts.has_shell) {
    notes.push_back(
        fmt::format("{} has no /bin/sh: apptainer cannot run the image", title_of(base)));
  }
  if (!base.facts.has_utf8) {
    notes.push_back(fmt::format("{} has no locale C.UTF-8: LANG is not set", title_of(base)));
  }
  return notes;
}

}  // namespace hpcenv::ops
