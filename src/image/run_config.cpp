#include "image/run_config.hpp"

#include "base/clock.hpp"
#include "image/gpu_variables.hpp"
#include "shell/oci_environment.hpp"

namespace hpcenv::image {

namespace {

/// What engines give a container whose image sets none.
constexpr std::string_view usual_path =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

Result<std::pair<std::string, std::string>> assignment(const std::string& text,
                                                       std::string_view option) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos) {
    return fail_hint(ErrorKind::usage, fmt::format("{} '{}' is no NAME=VALUE", option, text),
                     fmt::format("write it as {} NAME=VALUE", option));
  }
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

base::Environment variables_of(const std::vector<std::string>& block) {
  base::Environment environment;
  for (const std::string& entry : block) {
    const std::size_t equals = entry.find('=');
    if (equals != std::string::npos && equals > 0) {
      environment.set(entry.substr(0, equals), entry.substr(equals + 1));
    }
  }
  return environment;
}

/// Before the activation, so that packages' scripts and the user come later.
base::Environment before_activation(const ImageConfig& base, const RunFacts& facts) {
  base::Environment environment = variables_of(base.environment);
  if (!environment.has("PATH")) environment.set("PATH", std::string(usual_path));
  if (facts.base_has_utf8 && !environment.has("LANG") && !environment.has("LC_ALL")) {
    environment.set("LANG", "C.UTF-8");
  }
  if (!facts.certificates.empty() && !environment.has("SSL_CERT_FILE")) {
    environment.set("SSL_CERT_FILE", facts.certificates);
  }
  // Of a base that was made for older toolkits: it would change what the other variables mean.
  environment.unset("CUDA_VERSION");
  environment.unset("LD_LIBRARY_PATH");
  return environment;
}

Result<> take_wishes(const RunWishes& wishes, ImageConfig& config) {
  base::Environment environment = variables_of(config.environment);
  for (const std::string& text : wishes.environment) {
    HPCENV_ASSIGN(auto pair, assignment(text, "--env"));
    environment.set(std::move(pair.first), std::move(pair.second));
  }
  config.environment = environment.block();
  for (const std::string& text : wishes.labels) {
    HPCENV_ASSIGN(auto pair, assignment(text, "--label"));
    config.labels[pair.first] = pair.second;
  }
  if (!wishes.user.empty()) config.user = wishes.user;
  if (!wishes.command.empty()) config.command = wishes.command;
  if (wishes.working_directory.empty()) return {};
  if (wishes.working_directory.front() != '/') {
    return fail_hint(ErrorKind::usage,
                     fmt::format("--workdir '{}' is not absolute", wishes.working_directory),
                     fmt::format("--workdir /{}", wishes.working_directory));
  }
  config.working_directory = wishes.working_directory;
  return {};
}

}  // namespace

Result<RunConfig> run_config(const ImageConfig& base, const RunFacts& facts,
                             const RunWishes& wishes) {
  RunConfig result;
  ImageConfig& config = result.config;
  config = base;
  config.entrypoint.clear();
  config.command =
      facts.has_python ? std::vector<std::string>{facts.prefix + "/bin/python"} : base.command;
  const shell::OciEnvironment active =
      shell::oci_environment(facts.activation, before_activation(base, facts));
  base::Environment environment = variables_of(active.variables);
  if (facts.cuda) {
    const base::Environment gpu = variables_of(gpu_variables(*facts.cuda));
    for (const auto& [name, value] : gpu.all()) environment.set(name, value);
  }
  config.environment = environment.block();
  for (const shell::RefusedVariable& refused : active.refused) {
    result.notes.push_back(
        fmt::format("the variable '{}' is not in the image: {}", refused.name, refused.reason));
  }
  for (const auto& [name, value] : facts.labels) config.labels[name] = value;
  HPCENV_TRY(take_wishes(wishes, config));
  return result;
}

std::string rfc3339(std::int64_t seconds) {
  std::string text = base::utc_text(seconds);
  text[text.find(' ')] = 'T';
  return text + "Z";
}

}  // namespace hpcenv::image
