// hpcenv image pull
#include "ops/image_pull.hpp"

#include <array>

#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/registry_options.hpp"
#include "cli/commands/squashfs_options.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"-o,--output", "OUT", "the file or directory to make"},
    OptionSpec{"--format", "FORMAT", "oci-archive (default), oci-dir or squashfs"},
    squashfs_compress_option,
    image_platform_option,
    plain_http_option,
};

constexpr std::array examples{
    "hpcenv image pull debian:13-slim -o debian.tar",
    "hpcenv image pull registry.example.org/lab/torch:1 --format oci-dir -o torch-image",
    "hpcenv image pull ghcr.io/lab/torch:1 --platform linux-aarch64 -o torch.tar",
    "hpcenv image pull ghcr.io/lab/torch:1 --format squashfs -o torch.sqsh",
};

Result<image::ImageFormat> format_of(const std::string& word) {
  if (word == "oci-archive") return image::ImageFormat::oci_archive;
  if (word == "oci-dir") return image::ImageFormat::oci_dir;
  return fail_hint(ErrorKind::usage, fmt::format("--format {} is not known", word),
                   "oci-archive, oci-dir or squashfs");
}

Result<ops::ImagePullRequest> request_of(const Arguments& arguments) {
  if (arguments.operands().size() != 1) {
    return fail_hint(ErrorKind::usage, "the name of one image is needed",
                     "hpcenv image pull NAME[:TAG] -o OUT");
  }
  if (!arguments.has("output")) {
    return fail_hint(ErrorKind::usage, "where the image goes is not said", "give -o OUT");
  }
  ops::ImagePullRequest request;
  HPCENV_ASSIGN(request.source, image::parse_reference(arguments.operands().front()));
  HPCENV_ASSIGN(request.platform, image_platform(arguments));
  HPCENV_ASSIGN(request.squashfs, squashfs_options(arguments));
  if (!request.squashfs) {
    if (arguments.has("compress")) {
      return fail_hint(ErrorKind::usage,
                       "--compress is for squashfs files: layers stay as they are",
                       "leave it out, or add --format squashfs");
    }
    HPCENV_ASSIGN(request.format, format_of(arguments.value("format", "oci-archive")));
  }
  request.out = arguments.value("output");
  return request;
}

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(const ops::ImagePullRequest request, request_of(arguments));
  HPCENV_ASSIGN(const image::RegistryOptions registry,
                registry_options(arguments, request.source, session));
  HPCENV_ASSIGN(const image::RegistrySeams seams, session.registry_seams());
  HPCENV_ASSIGN(const image::PulledImage pulled, ops::pull_image(request, seams, registry));
  session.end_progress();
  const Output& output = session.output();
  if (output.json()) {
    base::Json body;
    body["reference"] = image::reference_text(request.source);
    body["digest"] = pulled.manifest.digest;
    body["named_digest"] = pulled.named.digest;
    body["file"] = request.out.string();
    body["blobs"] = {{"fetched", pulled.fetched},
                     {"there", pulled.there},
                     {"bytes_fetched", pulled.bytes_fetched}};
    output.print_json(body, true);
    return 0;
  }
  output.print(fmt::format("{}\n{}\nBlobs: {} fetched ({}), {} there already\n",
                           request.out.string(), pulled.manifest.digest, pulled.fetched,
                           base::human_bytes(pulled.bytes_fetched), pulled.there));
  return 0;
}

}  // namespace

constexpr CommandSpec image_pull_command{
    .name = "image pull",
    .summary = "fetch an image from a registry, its digests unchanged",
    .synopsis = "NAME[:TAG|@DIGEST] -o OUT [--format oci-archive|oci-dir|squashfs]",
    .details =
        "Without a host the name is docker.io's, without a tag it is `latest`. OUT gets its name "
        "when the\n"
        "image is whole; a pull that was killed goes on with the layers that it has. Credentials "
        "as "
        "in\n"
        "`hpcenv image push`.",
    .operands = CommandSpec::Operands::some,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(image_pull_command));

}  // namespace hpcenv::cli
