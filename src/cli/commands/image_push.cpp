// hpcenv image push
#include "ops/image_push.hpp"

#include <array>

#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/registry_options.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"--mount-from", "REPOSITORY",
               "a repository of the same registry that may have layers of it already"},
    OptionSpec{"--sbom", "FILE", "attach this bill of materials (CycloneDX or SPDX, JSON)",
               OptionSpec::Kind::many},
    image_platform_option,
    plain_http_option,
};

constexpr std::array examples{
    "hpcenv image push torch.tar registry.example.org/lab/torch:1",
    "hpcenv image push torch.tar ghcr.io/lab/torch:1 --sbom torch.cdx.json",
    "hpcenv image push serve.tar localhost:5000/serve:1 --mount-from localhost:5000/torch",
};

Result<ops::ImagePushRequest> request_of(const Arguments& arguments) {
  const std::vector<std::string>& operands = arguments.operands();
  if (operands.size() != 2) {
    return fail_hint(ErrorKind::usage, "an image and a name for it are needed",
                     "hpcenv image push FILE REGISTRY/PATH:TAG");
  }
  ops::ImagePushRequest request;
  request.image = operands[0];
  HPCENV_ASSIGN(request.target, image::parse_reference(operands[1]));
  if (arguments.has("platform")) {
    HPCENV_ASSIGN(request.platform, image_platform(arguments));
  }
  if (arguments.has("mount-from")) {
    HPCENV_ASSIGN(request.mount_from, image::parse_repository(arguments.value("mount-from")));
  }
  for (const std::string& file : arguments.values("sbom")) request.sboms.emplace_back(file);
  return request;
}

const char* word_of(image::Repository::AttachedBy by) {
  return by == image::Repository::AttachedBy::referrers ? "referrers" : "tag";
}

void show_json(const ops::ImagePushReport& report, const ops::ImagePushRequest& request,
               const Output& output) {
  base::Json body;
  body["reference"] = image::reference_text(request.target);
  body["digest"] = report.manifest.digest;
  body["blobs"] = {{"sent", report.sent},
                   {"mounted", report.mounted},
                   {"there", report.there},
                   {"bytes_sent", report.bytes_sent}};
  body["attached"] = base::Json::array();
  for (const ops::AttachedFile& one : report.attached) {
    body["attached"].push_back({{"file", one.file.string()},
                                {"digest", one.manifest.digest},
                                {"media_type", one.type},
                                {"listed_by", word_of(one.by)}});
  }
  output.print_json(body, true);
}

std::string text_of(const ops::ImagePushReport& report, const ops::ImagePushRequest& request) {
  std::string text =
      fmt::format("{}\n{}\nBlobs: {} sent ({}), {} mounted, {} there already\n",
                  image::reference_text(request.target), report.manifest.digest, report.sent,
                  base::human_bytes(report.bytes_sent), report.mounted, report.there);
  for (const ops::AttachedFile& one : report.attached) {
    text += fmt::format("Attached {} as {}{}\n", one.file.string(), one.manifest.digest,
                        one.by == image::Repository::AttachedBy::tag
                            ? ", listed under a tag: the registry knows no referrers"
                            : "");
  }
  return text;
}

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(const ops::ImagePushRequest request, request_of(arguments));
  HPCENV_ASSIGN(const image::RegistryOptions registry,
                registry_options(arguments, request.target, session));
  HPCENV_ASSIGN(const image::RegistrySeams seams, session.registry_seams());
  HPCENV_ASSIGN(const ops::ImagePushReport report, ops::push_image(request, seams, registry));
  session.end_progress();
  if (session.output().json()) {
    show_json(report, request, session.output());
  } else {
    session.output().print(text_of(report, request));
  }
  return 0;
}

}  // namespace

constexpr CommandSpec image_push_command{
    .name = "image push",
    .summary = "put an image into a registry, its digests unchanged",
    .synopsis = "FILE|DIR NAME[:TAG] [--mount-from REPOSITORY] [--sbom FILE]...",
    .details =
        "FILE is an OCI or docker archive, DIR an OCI image layout. What the registry has already "
        "is "
        "not\n"
        "sent; the tag is set last, when all else is there. Credentials are those of podman, "
        "skopeo "
        "and\n"
        "docker: REGISTRY_AUTH_FILE, auth.json, ~/.docker/config.json and the helpers that they "
        "name.",
    .operands = CommandSpec::Operands::some,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(image_push_command));

}  // namespace hpcenv::cli
