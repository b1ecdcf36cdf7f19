// What commands that talk to registries have in common.
#pragma once

#include <array>
#include <string>

#include "cli/command.hpp"
#include "cli/session.hpp"
#include "image/oci.hpp"
#include "image/reference.hpp"
#include "image/registry_connection.hpp"

namespace hpcenv::cli {

constexpr OptionSpec plain_http_option{
    "--plain-http", "", "speak http to the registry, not https (this machine: always)",
    OptionSpec::Kind::flag};
constexpr OptionSpec image_platform_option{
    "--platform", "SUBDIR",
    "of an image for several machines the one for it (default: this one's)"};

/// How the registry of `reference` is asked, from options and settings.
Result<image::RegistryOptions> registry_options(const Arguments& arguments,
                                                const image::Reference& reference,
                                                const Session& session);
/// Kind usage for a subdir that is none, or that containers do not run.
Result<image::Platform> image_platform(const Arguments& arguments);

}  // namespace hpcenv::cli
