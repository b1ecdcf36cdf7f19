// The image that a command line names: a file, a directory, or a name in a registry.
#pragma once

#include <string>

#include "cli/command.hpp"
#include "cli/session.hpp"
#include "ops/image_look.hpp"

namespace hpcenv::cli {

/// What exists here, or is written like a path, is a path; all else a name. Options as of
/// cli/commands/registry_options.hpp.
Result<ops::LookedImage> look_at_image(const std::string& text, const Arguments& arguments,
                                       Session& session);

}  // namespace hpcenv::cli
