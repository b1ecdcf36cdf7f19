// hpcenv create
#include <array>

#include "cli/commands/change_options.hpp"
#include "cli/commands/commands.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array own_options{
    OptionSpec{"-n,--name", "NAME", "name of the new environment (default: that in the file)"},
    OptionSpec{"-p,--prefix", "PREFIX", "or the path where it goes"},
    OptionSpec{"--recipe", "NAME", "start from a recipe (see: hpcenv recipes); may be repeated",
               OptionSpec::Kind::many},
};

constexpr auto options =
    joined(own_options, wish_options, choice_options, link_options, act_options);

constexpr std::array examples{
    "hpcenv create -n work python=3.12 numpy",
    "hpcenv create -n work -f environment.yml",
    "hpcenv create -n torch --recipe pytorch pandas --on gpu",
    "hpcenv create -n both --recipe pytorch --recipe jupyter --on gpu",
    "hpcenv create -n gpu --on gpu pytorch-gpu",
    "hpcenv create -p /scratch/me/env -c bioconda -c conda-forge samtools",
    "CONDA_OVERRIDE_CUDA=12.4 hpcenv create -n gpu --dry-run pytorch-gpu",
};

Result<int> run(const Arguments& arguments, Session& session) {
  if (!arguments.has("prefix")) {
    HPCENV_TRY(session.settle_root(arguments.has("dry-run") ? Session::Remember::no
                                                            : Session::Remember::yes));
  }
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  HPCENV_ASSIGN(ops::ChangeRequest request,
                change_request_of(ops::Action::create, arguments, session, {}));
  std::string name = arguments.value("name");
  if (name.empty() && !arguments.has("prefix")) {
    name = request.wishes.name;
  }
  HPCENV_ASSIGN(const ops::EnvironmentRef environment,
                ops::environment_ref(locations, name, arguments.value("prefix")));
  request.prefix = environment.prefix;
  return run_change(request, arguments, session, locations);
}

}  // namespace

constexpr CommandSpec create_command{
    .name = "create",
    .summary = "make a new environment",
    .synopsis = "(-n NAME | -p PREFIX) [-c CHANNEL]... [-f FILE]... [--recipe NAME]... [SPEC...]",
    .details =
        "Packages are chosen for this machine: its glibc, processor and NVIDIA driver. To choose "
        "for\n"
        "another one, give --on, or set CONDA_OVERRIDE_CUDA, CONDA_OVERRIDE_CUDA_ARCH or\n"
        "CONDA_OVERRIDE_GLIBC.\n"
        "The environment appears at once when it is whole; until then, nothing is there.",
    .operands = CommandSpec::Operands::some,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(create_command));

}  // namespace hpcenv::cli
