// hpcenv kernel install, kernel list, kernel remove
#include <array>

#include "base/json.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/named_environment.hpp"
#include "cli/session.hpp"
#include "ops/kernels.hpp"

namespace hpcenv::cli {
namespace {

constexpr OptionSpec into_option{
    "--into", "DIR", "for all users of a Jupyter: DIR/share/jupyter/kernels (default: your own)"};

constexpr std::array install_options{
    OptionSpec{"-n,--name", "NAME", "name of the environment"},
    OptionSpec{"-p,--prefix", "PREFIX", "or its path; without both: the active one"},
    OptionSpec{"--kernel", "NAME", "name of the kernel (default: the environment's)"},
    OptionSpec{"--display-name", "TEXT", "what Jupyter shows (default: Python (NAME))"},
    into_option,
    OptionSpec{"--force", "", "overwrite a kernel that hpcenv did not write",
               OptionSpec::Kind::flag},
};
constexpr std::array where_options{into_option};

constexpr std::array install_examples{
    "hpcenv kernel install -n work",
    "hpcenv kernel install -n torch --display-name 'PyTorch on the GPU nodes'",
    "hpcenv kernel install -p /apps/torch --into /apps/jupyter",
};
constexpr std::array list_examples{"hpcenv kernel list"};
constexpr std::array remove_examples{"hpcenv kernel remove work"};

Result<std::filesystem::path> kernels_of(const Arguments& arguments, const Session& session,
                                         const ops::Locations& locations) {
  const std::string into = arguments.value("into");
  if (into.empty()) return ops::user_kernels(session.environment());
  return (locations.working_directory / into).lexically_normal() / "share" / "jupyter" / "kernels";
}

Result<int> run_install(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  ops::KernelWish wish;
  HPCENV_ASSIGN(wish.environment, named_environment(arguments, locations));
  const std::string known = ops::name_of(locations, wish.environment.prefix);
  if (!known.empty()) wish.environment.name = known;
  HPCENV_ASSIGN(wish.folder, kernels_of(arguments, session, locations));
  wish.name = arguments.value("kernel");
  wish.display_name = arguments.value("display-name");
  if (arguments.has("force")) wish.foreign = ops::ForeignFile::overwrite;
  HPCENV_ASSIGN(const ops::WrittenKernel kernel,
                ops::install_kernel(wish, locations, session.local_seams()));
  session.end_progress();
  const Output& output = session.output();
  if (output.json()) {
    base::Json body;
    body["kernel"] = kernel.name;
    body["display_name"] = kernel.display_name;
    body["folder"] = kernel.folder.string();
    body["argv"] = kernel.argv;
    body["prefix"] = wish.environment.prefix.string();
    output.print_json(body, true);
    return 0;
  }
  output.say(
      fmt::format("Jupyter knows it as '{}': {}\n", kernel.display_name, kernel.folder.string()));
  return 0;
}

Result<int> run_list(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  HPCENV_ASSIGN(const std::filesystem::path folder, kernels_of(arguments, session, locations));
  HPCENV_ASSIGN(const auto found, ops::known_kernels(folder, locations, session.local_seams()));
  session.end_progress();
  base::Json list = base::Json::array();
  std::vector<std::vector<std::string>> rows{{"Kernel", "State", "Shown as", "Prefix"}};
  for (const ops::KnownKernel& kernel : found) {
    const std::string state(ops::name_of(kernel.state));
    base::Json entry;
    entry["kernel"] = kernel.name;
    entry["display_name"] = kernel.display_name;
    entry["folder"] = kernel.folder.string();
    entry["prefix"] = kernel.prefix;
    entry["state"] = state;
    list.push_back(std::move(entry));
    rows.push_back({kernel.name, state, kernel.display_name, kernel.prefix});
  }
  const Output& output = session.output();
  if (output.json()) {
    base::Json body;
    body["kernels"] = std::move(list);
    output.print_json(body, true);
  } else if (found.empty()) {
    output.say(fmt::format("hpcenv wrote no kernels into {}\n", folder.string()));
  } else {
    output.print(table_text(rows));
  }
  return 0;
}

Result<int> run_remove(const Arguments& arguments, Session& session) {
  if (arguments.operands().size() != 1) {
    return fail_hint(ErrorKind::usage, "one kernel is removed at a time",
                     "hpcenv kernel remove NAME");
  }
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  HPCENV_ASSIGN(const std::filesystem::path folder, kernels_of(arguments, session, locations));
  const std::string& name = arguments.operands()[0];
  HPCENV_TRY(ops::remove_kernel(folder, name));
  const Output& output = session.output();
  if (output.json()) {
    base::Json body;
    body["removed"] = (folder / name).string();
    output.print_json(body, true);
  } else {
    output.say(fmt::format("Removed {}\n", (folder / name).string()));
  }
  return 0;
}

}  // namespace

constexpr CommandSpec kernel_install_command{
    .name = "kernel install",
    .summary = "make an environment a kernel of Jupyter",
    .synopsis = "(-n NAME | -p PREFIX) [--kernel NAME] [--display-name TEXT]",
    .details =
        "Jupyter may live in another environment, or belong to the site: the kernel enters its own "
        "environment\n"
        "on the node where it starts. It needs ipykernel there. Run it again after a change of "
        "packages.",
    .operands = CommandSpec::Operands::none,
    .options = install_options,
    .examples = install_examples,
    .run = run_install,
};
static_assert(well_formed(kernel_install_command));

constexpr CommandSpec kernel_list_command{
    .name = "kernel list",
    .summary = "list kernels of Jupyter that hpcenv wrote",
    .synopsis = "[--into DIR]",
    .details = "One that is 'changed' would be written otherwise now: install it again.",
    .operands = CommandSpec::Operands::none,
    .options = where_options,
    .examples = list_examples,
    .run = run_list,
};
static_assert(well_formed(kernel_list_command));

constexpr CommandSpec kernel_remove_command{
    .name = "kernel remove",
    .summary = "remove a kernel of Jupyter that hpcenv wrote",
    .synopsis = "NAME [--into DIR]",
    .details = "The environment stays as it is.",
    .operands = CommandSpec::Operands::some,
    .options = where_options,
    .examples = remove_examples,
    .run = run_remove,
};
static_assert(well_formed(kernel_remove_command));

}  // namespace hpcenv::cli
