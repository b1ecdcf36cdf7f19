#include "cli/image_subject.hpp"

#include <optional>

#include "base/fs.hpp"
#include "cli/commands/registry_options.hpp"
#include "image/reference.hpp"

namespace hpcenv::cli {

Result<ops::LookedImage> look_at_image(const std::string& text, const Arguments& arguments,
                                       Session& session) {
  HPCENV_ASSIGN(const image::Platform platform, image_platform(arguments));
  if (base::path_exists(text) || text.starts_with('/') || text.starts_with('.') ||
      text.ends_with(".tar")) {
    return ops::look_at_file(text,
                             arguments.has("platform") ? std::optional(platform) : std::nullopt);
  }
  HPCENV_ASSIGN(const image::Reference reference, image::parse_reference(text));
  HPCENV_ASSIGN(const image::RegistryOptions options,
                registry_options(arguments, reference, session));
  HPCENV_ASSIGN(const image::RegistrySeams seams, session.registry_seams());
  return ops::look_at_registry(reference, platform, seams, options);
}

}  // namespace hpcenv::cli
