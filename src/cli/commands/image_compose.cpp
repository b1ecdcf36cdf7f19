// hpcenv image compose
#include <algorithm>
#include <array>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/registry_options.hpp"
#include "cli/image_subject.hpp"
#include "image/compose.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"--service", "NAME[=COMMAND]",
               "a service and what it runs (default: what the image runs); may be repeated",
               OptionSpec::Kind::many},
    OptionSpec{"--port", "NAME=[OUTER:]PORT",
               "where it listens; published on 127.0.0.1, and asked whether it is well",
               OptionSpec::Kind::many},
    OptionSpec{"--health", "NAME=PATH", "ask it by HTTP (default: connect to its port)",
               OptionSpec::Kind::many},
    OptionSpec{"--volume", "SOURCE:PATH[:ro]", "a named volume or a directory, for every service",
               OptionSpec::Kind::many},
    OptionSpec{"--secret", "[NAME=]FILE", "a file at /run/secrets/NAME of every service",
               OptionSpec::Kind::many},
    OptionSpec{"--gpus", "N", "GPUs of each service in the profile gpu (default: all)"},
    OptionSpec{"--no-gpu", "", "no profiles: one service each, without a GPU",
               OptionSpec::Kind::flag},
    OptionSpec{"--shm-size", "SIZE", "of /dev/shm, which data loaders use (default: 8gb)"},
    OptionSpec{"--project", "NAME", "what compose calls the whole (default: as the image)"},
    OptionSpec{"--local", "", "name the image as it is loaded here, not pushed: without its digest",
               OptionSpec::Kind::flag},
    OptionSpec{"-o,--output", "FILE", "write it there (default: print it)"},
    OptionSpec{"--force", "", "replace a FILE that is there already", OptionSpec::Kind::flag},
    image_platform_option,
    plain_http_option,
};

constexpr std::array examples{
    "hpcenv image compose torch.tar --service api='uvicorn app:main --port 8000' --port api=8000",
    "hpcenv image compose ghcr.io/lab/torch:1 --service api --port api=8000 --health api=/health",
    "hpcenv image compose torch.tar --service a='python a.py' --service b='python b.py' --secret "
    "token.txt",
    "hpcenv image compose torch.tar --local --service job='python train.py' -o compose.yaml",
};

/// What has a registry can be fetched by digest. Of what was only loaded, engines know different
/// digests (docker's two stores, podman), but all of them its name.
Result<std::string> image_name(const ops::LookedImage& image, bool is_local) {
  if (image.reference.empty()) return image.config_blob.digest;
  if (is_local || image.reference.starts_with("localhost/")) return image.reference;
  HPCENV_ASSIGN(const image::Reference reference, image::parse_reference(image.reference));
  return image::repository_text(reference) + "@" + image.named_digest;
}

bool has_gpu_variables(const ops::LookedImage& image) {
  return std::ranges::any_of(image.config.environment, [](const std::string& variable) {
    return variable.starts_with("NVIDIA_VISIBLE_DEVICES=") && !variable.ends_with('=') &&
           !variable.ends_with("=void");
  });
}

std::string python_of(const ops::LookedImage& image) {
  const auto prefix = image.config.labels.find("org.hpcenv.prefix");
  if (prefix == image.config.labels.end() || !ops::has_package(image, "python")) return "";
  return prefix->second + "/bin/python";
}

/// Compose reads paths of files from where its own file lies.
std::string beside(const std::string& path, const std::string& output) {
  const std::filesystem::path given(path);
  if (given.is_absolute() || output.empty()) {
    return given.is_absolute() || path.starts_with('.') ? path : "./" + path;
  }
  std::error_code ignored;
  const std::filesystem::path folder =
      std::filesystem::absolute(std::filesystem::path(output), ignored).parent_path();
  const std::string relative = std::filesystem::absolute(given, ignored)
                                   .lexically_normal()
                                   .lexically_proximate(folder.lexically_normal())
                                   .native();
  return relative.starts_with('.') || relative.starts_with('/') ? relative : "./" + relative;
}

Result<> set_services(const Arguments& arguments, image::ComposeRequest& request) {
  for (const std::string& text : arguments.values("service")) {
    HPCENV_ASSIGN(image::ComposeService service, image::parse_compose_service(text));
    request.services.push_back(std::move(service));
  }
  for (const std::string& text : arguments.values("port")) {
    HPCENV_TRY(image::add_compose_port(text, request.services));
  }
  for (const std::string& text : arguments.values("health")) {
    HPCENV_TRY(image::add_compose_health(text, request.services));
  }
  const std::string output = arguments.value("output");
  for (const std::string& text : arguments.values("volume")) {
    HPCENV_ASSIGN(image::ComposeVolume volume, image::parse_compose_volume(text));
    if (volume.source.starts_with('.')) volume.source = beside(volume.source, output);
    request.volumes.push_back(std::move(volume));
  }
  for (const std::string& text : arguments.values("secret")) {
    HPCENV_ASSIGN(image::ComposeSecret secret, image::parse_compose_secret(text));
    secret.file = beside(secret.file, output);
    request.secrets.push_back(std::move(secret));
  }
  return {};
}

Result<image::ComposeRequest> request_of(const Arguments& arguments,
                                         const ops::LookedImage& image) {
  image::ComposeRequest request;
  HPCENV_TRY(set_services(arguments, request));
  HPCENV_ASSIGN(request.image, image_name(image, arguments.has("local")));
  const std::string& operand = arguments.operands().front();
  request.title = image.reference;
  if (request.title.empty()) request.title = std::filesystem::path(operand).filename().native();
  request.project = arguments.value("project", image::compose_project(request.title));
  if (request.project != image::compose_project(request.project)) {
    return fail_hint(ErrorKind::usage,
                     fmt::format("'{}' cannot be a project's name", request.project),
                     "lower-case letters and digits, and after the first '-' and '_'");
  }
  if (!request.image.contains('@')) request.title += ", " + image.named_digest;
  request.python = python_of(image);
  request.has_gpu = !arguments.has("no-gpu") && (has_gpu_variables(image) || arguments.has("gpus"));
  request.gpus = arguments.value("gpus", request.gpus);
  request.shm_size = arguments.value("shm-size", request.shm_size);
  return request;
}

Result<> write(const std::string& text, const Arguments& arguments) {
  const std::string output = arguments.value("output");
  const auto there = base::read_file(output);
  if (there.has_value() && *there == text) return {};
  if (base::path_exists(output) && !arguments.has("force")) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("{} is there already and says something else", output),
                     "--force replaces it; without -o the new one is printed");
  }
  return base::write_file(output, text);
}

base::Json json_of(const image::ComposeRequest& request, const std::string& text,
                   const std::string& output) {
  base::Json body;
  body["image"] = request.image;
  body["project"] = request.project;
  body["profiles"] = request.has_gpu ? base::Json{"cpu", "gpu"} : base::Json::array();
  body["services"] = base::Json::array();
  for (const image::ComposeService& service : request.services) {
    base::Json entry{{"name", service.name}, {"command", service.command}};
    entry["port"] = service.port != 0 ? base::Json(service.port) : base::Json();
    entry["host_port"] = service.port != 0 ? base::Json(service.host_port) : base::Json();
    entry["health_check"] = service.port != 0 && !request.python.empty();
    body["services"].push_back(std::move(entry));
  }
  body["file"] = output.empty() ? base::Json() : base::Json(output);
  body["text"] = text;
  return body;
}

Result<int> run(const Arguments& arguments, Session& session) {
  if (arguments.operands().size() != 1) {
    return fail_hint(ErrorKind::usage, "the image of the services is needed",
                     "hpcenv image compose FILE|DIR|NAME --service NAME=COMMAND");
  }
  if (!arguments.has("service")) {
    return fail_hint(ErrorKind::usage, "no service is named", "--service NAME=COMMAND");
  }
  HPCENV_ASSIGN(const ops::LookedImage image,
                look_at_image(arguments.operands().front(), arguments, session));
  session.end_progress();
  HPCENV_ASSIGN(const image::ComposeRequest request, request_of(arguments, image));
  HPCENV_ASSIGN(const std::string text, image::compose_text(request));
  const std::string output = arguments.value("output");
  if (!output.empty()) HPCENV_TRY(write(text, arguments));
  if (request.python.empty() && arguments.has("port")) {
    session.reporter().warning(
        "the image says of no python in it, so services have no health check");
  }
  if (session.output().json()) {
    session.output().print_json(json_of(request, text, output), true);
  } else if (output.empty()) {
    session.output().print(text);
  } else {
    session.output().say(fmt::format("Wrote {}\nNext: docker compose -f {} {}up -d\n", output,
                                     output, request.has_gpu ? "--profile cpu " : ""));
  }
  return 0;
}

}  // namespace

constexpr CommandSpec image_compose_command{
    .name = "image compose",
    .summary = "write a compose file for services that share one image",
    .synopsis = "FILE|DIR|NAME --service NAME[=COMMAND]... [--port NAME=PORT]... [-o FILE]",
    .details =
        "For docker compose and podman-compose. The image stands in it by digest: the services "
        "run what\n"
        "was tested. An image with CUDA gets the profiles cpu and gpu: the same services, which "
        "find each\n"
        "other by the same names. Nothing is published beyond this machine.",
    .operands = CommandSpec::Operands::some,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(image_compose_command));

}  // namespace hpcenv::cli
