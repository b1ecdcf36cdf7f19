// hpcenv image inspect
#include <array>

#include "base/json.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/registry_options.hpp"
#include "cli/image_inspect_report.hpp"
#include "cli/image_subject.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"--packages", "", "name every package of layers that several share",
               OptionSpec::Kind::flag},
    image_platform_option,
    plain_http_option,
};

constexpr std::array examples{
    "hpcenv image inspect torch.tar",
    "hpcenv image inspect ghcr.io/lab/torch:1 --json",
    "hpcenv image inspect debian:13-slim --platform linux-aarch64",
};

Result<int> run(const Arguments& arguments, Session& session) {
  if (arguments.operands().size() != 1) {
    return fail_hint(ErrorKind::usage, "one image is needed", "hpcenv image inspect FILE|DIR|NAME");
  }
  const std::string& name = arguments.operands().front();
  HPCENV_ASSIGN(const ops::LookedImage image, look_at_image(name, arguments, session));
  session.end_progress();
  const Output& output = session.output();
  if (output.json()) {
    output.print_json(inspect_json(image), true);
    return 0;
  }
  const PackageList list = arguments.has("packages") ? PackageList::all : PackageList::some;
  output.print(inspect_text(image, name, list, output));
  return 0;
}

}  // namespace

constexpr CommandSpec image_inspect_command{
    .name = "image inspect",
    .summary = "show what an image holds: its layers, their packages and sizes",
    .synopsis = "FILE|DIR|NAME [--packages]",
    .details =
        "FILE is an OCI or docker archive, DIR an OCI image layout; of an image in a registry only "
        "the\n"
        "documents are fetched. Sizes are those of the layers as they are stored and sent.",
    .operands = CommandSpec::Operands::some,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(image_inspect_command));

}  // namespace hpcenv::cli
