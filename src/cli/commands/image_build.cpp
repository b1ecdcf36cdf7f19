// hpcenv image build
#include <algorithm>
#include <array>

#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/commands/change_options.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/registry_options.hpp"
#include "cli/error_report.hpp"
#include "cli/image_report.hpp"
#include "image/reference.hpp"
#include "ops/image_build.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array own_options{
    OptionSpec{"-n,--name", "NAME", "the environment whose packages go into the image"},
    OptionSpec{"-p,--prefix", "PREFIX", "or its path"},
    OptionSpec{"--recipe", "NAME", "or packages of a recipe, chosen now; may be repeated",
               OptionSpec::Kind::many},
    OptionSpec{"-o,--output", "OUT", "the file or directory to make"},
    OptionSpec{"--tag", "NAME:TAG", "the name under which engines load it"},
    OptionSpec{"--base", "IMAGE",
               "a name, an image file or directory, or none (default: debian:13-slim)"},
    OptionSpec{"--add", "SRC:DST",
               "a file or directory of yours, in a layer of its own; may be repeated",
               OptionSpec::Kind::many},
    OptionSpec{"--workdir", "DIR", "the directory that programs start in"},
    OptionSpec{"--env", "NAME=VALUE", "a variable more; may be repeated", OptionSpec::Kind::many},
    OptionSpec{"--cmd", "COMMAND", "what runs where nothing is said (default: python)"},
    OptionSpec{"--user", "UID[:GID]", "who runs it (default: as the base has it)"},
    OptionSpec{"--label", "NAME=VALUE", "a label more; may be repeated", OptionSpec::Kind::many},
    OptionSpec{"--compress", "HOW", "gzip (default), zstd or none"},
    OptionSpec{"--format", "FORMAT", "oci-archive (default), oci-dir or squashfs"},
    OptionSpec{"--max-layers", "N", "at most so many layers, the base's counted (default: 100)"},
    OptionSpec{"--no-gpu-env", "", "set no variables of the NVIDIA container toolkit",
               OptionSpec::Kind::flag},
    OptionSpec{"--slim", "", "leave out static libraries, manuals and Python's own tests",
               OptionSpec::Kind::flag},
    OptionSpec{"--image-prefix", "PATH", "where it lies in the image (default: /opt/envs/NAME)"},
    plain_http_option,
    OptionSpec{"--against", "IMAGE",
               "say which layers this image (a file, or one in a registry) has already"},
};

constexpr std::array last_options{
    OptionSpec{"-d,--dry-run", "", "show the layers and stop", OptionSpec::Kind::flag},
};

constexpr auto options = joined(own_options, wish_options, choice_options, last_options);

constexpr std::array examples{
    "hpcenv image build -n torch -o torch.tar",
    "hpcenv image build -n torch --tag lab/torch:1 --add model.pt:/opt/weights/model.pt -o "
    "torch.tar",
    "hpcenv image build --recipe pytorch --on gpu --base debian.tar -o torch.tar",
    "hpcenv image build -n torch --format oci-dir --compress zstd -o torch-image",
    "hpcenv image build -n torch --dry-run --against old.tar",
};

Result<image::LayerCompression> compression_of(const std::string& text) {
  for (const auto kind : {image::LayerCompression::gzip, image::LayerCompression::zstd,
                          image::LayerCompression::none}) {
    if (text == image::name_of(kind)) return kind;
  }
  return fail_hint(ErrorKind::usage, fmt::format("--compress '{}' is not known", text),
                   "gzip, zstd or none");
}

Result<ops::ImageRequest::Format> format_of(const std::string& text) {
  using Format = ops::ImageRequest::Format;
  if (text == "oci-archive") return Format::oci_archive;
  if (text == "oci-dir") return Format::oci_dir;
  if (text == "squashfs") return Format::squashfs;
  return fail_hint(ErrorKind::usage, fmt::format("--format '{}' is not known", text),
                   "oci-archive, oci-dir or squashfs");
}

Result<std::size_t> max_layers_of(const std::string& text) {
  const auto number = base::parse_unsigned(text);
  if (number && *number >= 2 && *number <= image::engine_layers) return *number;
  return fail_hint(ErrorKind::usage, fmt::format("--max-layers '{}' is no number of layers", text),
                   fmt::format("2 to {}: docker stops there", image::engine_layers));
}

/// What the environment is called in the image.
Result<std::string> name_of_image(const Arguments& arguments, const ops::ImageRequest& request) {
  std::string name = request.environment ? request.environment->name : request.choice.wishes.name;
  if (name.empty() && !request.choice.wishes.recipes.empty()) {
    name = request.choice.wishes.recipes.front();
  }
  if (name.empty() && arguments.has("file")) {
    name = std::filesystem::path(arguments.values("file").front()).stem().native();
  }
  name = std::filesystem::path(name).filename().native();
  const bool is_good = !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
  if (is_good) return name;
  return fail_hint(ErrorKind::usage,
                   fmt::format("'{}' cannot be the environment's name in an image", name),
                   "letters, digits, '-', '_' and '.' can stand in it");
}

/// The full name; engines show images of this machine under localhost/.
Result<std::string> reference_of(const Arguments& arguments, const std::string& name) {
  std::string text = arguments.value("tag");
  if (text.empty()) text = "localhost/" + base::to_lower(name) + ":latest";
  HPCENV_ASSIGN(const image::Reference reference, image::parse_reference(text));
  if (!reference.digest.empty()) {
    return fail(ErrorKind::usage, "--tag '{}' names a digest, which only a made image has", text);
  }
  return image::reference_text(reference);
}

Result<std::optional<std::int64_t>> source_date_of(const base::Environment& environment) {
  const auto text = environment.get("SOURCE_DATE_EPOCH");
  if (!text || text->empty()) return std::nullopt;
  const auto seconds = base::parse_unsigned(*text);
  if (seconds && *seconds < (std::uint64_t{1} << 40U)) return static_cast<std::int64_t>(*seconds);
  return fail_hint(ErrorKind::usage,
                   fmt::format("SOURCE_DATE_EPOCH '{}' is no number of seconds", *text),
                   "unset it, or set it to what `git log -1 --format=%ct` says");
}

Result<> check_sources(const Arguments& arguments) {
  const bool is_there = arguments.has("name") || arguments.has("prefix");
  const bool is_chosen = arguments.has("file") || arguments.has("recipe");
  if (!arguments.has("output") && !arguments.has("dry-run")) {
    return fail_hint(ErrorKind::usage, "where the image goes is not said", "-o OUT.tar");
  }
  if (is_there != is_chosen) return {};
  return fail_hint(ErrorKind::usage,
                   is_there ? "an environment and packages to choose are both named"
                            : "what goes into the image is not said",
                   "-n ENV, -p PREFIX, -f FILE or --recipe NAME");
}

Result<> set_words(const Arguments& arguments, ops::ImageRequest& request) {
  request.run.environment = arguments.values("env");
  request.run.labels = arguments.values("label");
  request.run.user = arguments.value("user");
  request.run.working_directory = arguments.value("workdir");
  if (arguments.has("cmd")) request.run.command = {"/bin/sh", "-c", arguments.value("cmd")};
  for (const std::string& text : arguments.values("add")) {
    HPCENV_ASSIGN(image::AddedPath added, image::parse_added(text));
    request.added.push_back(std::move(added));
  }
  HPCENV_ASSIGN(request.compression, compression_of(arguments.value("compress", "gzip")));
  HPCENV_ASSIGN(request.format, format_of(arguments.value("format", "oci-archive")));
  HPCENV_ASSIGN(request.max_layers,
                max_layers_of(arguments.value("max-layers", std::to_string(image::most_layers))));
  request.base = arguments.value("base", request.base);
  request.prefix = arguments.value("image-prefix");
  request.out = arguments.value("output");
  request.against = arguments.value("against");
  if (arguments.has("no-gpu-env")) {
    request.gpu_variables = ops::ImageRequest::GpuVariables::leave;
  }
  if (arguments.has("slim")) request.slim = ops::ImageRequest::Slim::yes;
  return {};
}

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_TRY(check_sources(arguments));
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  ops::ImageRequest request;
  HPCENV_ASSIGN(request.choice, change_request_of(ops::Action::create, arguments, session,
                                                  locations.root / "images" / "unmade"));
  if (arguments.has("name") || arguments.has("prefix")) {
    HPCENV_ASSIGN(request.environment, ops::existing_environment(locations, arguments.value("name"),
                                                                 arguments.value("prefix")));
  }
  HPCENV_TRY(set_words(arguments, request));
  HPCENV_ASSIGN(request.name, name_of_image(arguments, request));
  HPCENV_ASSIGN(request.reference, reference_of(arguments, request.name));
  HPCENV_ASSIGN(request.source_date, source_date_of(session.environment()));
  request.tool = "hpcenv " HPCENV_VERSION;
  HPCENV_ASSIGN(const ops::Seams seams, session.seams());
  HPCENV_ASSIGN(const image::RegistrySeams registry, session.registry_seams());
  ops::ImageSeams image_seams{seams, registry, {}};
  const auto base = image::parse_reference(request.base);
  HPCENV_ASSIGN(image_seams.registry_options,
                registry_options(arguments, base.value_or(image::Reference()), session));
  const auto other = image::parse_reference(request.against);
  if (other && arguments.has("plain-http")) {
    image_seams.registry_options.plain_http.push_back(other->registry);
  }
  HPCENV_ASSIGN(const ops::ImageOutcome outcome, ops::build_image(request, locations, image_seams));
  session.end_progress();
  if (const auto* conflict = std::get_if<solve::Conflict>(&outcome)) {
    return Failure(error_of(*conflict));
  }
  const auto& report = std::get<ops::ImageReport>(outcome);
  const Output& output = session.output();
  if (output.json()) {
    output.print_json(image_report_json(report), true);
    return 0;
  }
  for (const std::string& note : report.notes) session.reporter().warning(note);
  if (report.manifest.digest.empty()) {
    output.print(image_layers_text(report, output));
    return 0;
  }
  output.say(image_end_text(report, request));
  return 0;
}

}  // namespace

constexpr CommandSpec image_build_command{
    .name = "image build",
    .summary = "make a container image of an environment, without a daemon or root",
    .synopsis = "(-n NAME | -p PREFIX | -f FILE | --recipe NAME) [--add SRC:DST]... -o OUT",
    .details =
        "The same packages as on the cluster, from the package cache. Every engine loads the "
        "file:\n"
        "docker load -i OUT, podman load -i OUT, skopeo copy oci-archive:OUT ..., apptainer "
        "build.\n"
        "The same packages and options give the same digests on every machine. Files that no\n"
        "package brought (of pip, or yours) are named and left out: add them with --add.",
    .operands = CommandSpec::Operands::none,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(image_build_command));

}  // namespace hpcenv::cli
