#include "cli/commands/registry_options.hpp"

#include "conda/platform.hpp"

namespace hpcenv::cli {

Result<image::RegistryOptions> registry_options(const Arguments& arguments,
                                                const image::Reference& reference,
                                                const Session& session) {
  HPCENV_ASSIGN(const net::HttpOptions network, session.network_options());
  image::RegistryOptions options;
  if (arguments.has("plain-http")) options.plain_http = {reference.registry};
  options.retries = network.retries;
  options.retry_delay = network.retry_delay;
  options.jobs = static_cast<std::size_t>(
      session.settings().number("jobs").value_or(static_cast<double>(options.jobs)));
  return options;
}

Result<image::Platform> image_platform(const Arguments& arguments) {
  return image::platform_of_subdir(
      arguments.value("platform", std::string(conda::native_subdir())));
}

}  // namespace hpcenv::cli
