// hpcenv target add
#include <array>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/target_slurm.hpp"
#include "cli/commands/target_words.hpp"
#include "cli/session.hpp"
#include "cli/target_view.hpp"
#include "host/configuration_folders.hpp"
#include "host/target_store.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"--partition", "NAME", "a short job looks at a node of this partition"},
    OptionSpec{"--gpus", "[TYPE:]N",
               "with so many GPUs (default: 1 where all its nodes have some)"},
    OptionSpec{"--constraint", "FEATURES", "on a node with these features"},
    OptionSpec{"--account", "NAME", "account that pays"},
    OptionSpec{"--qos", "NAME", "quality of service"},
    OptionSpec{"--time", "TIME", "time limit of jobs that say none (the probe takes 5 minutes)"},
    OptionSpec{"--sbatch", "OPTION", "a further option for sbatch, as one word",
               OptionSpec::Kind::many},
    OptionSpec{"--per-feature", "", "look at one node of each kind (GPUs, features)",
               OptionSpec::Kind::flag},
    OptionSpec{"--all-nodes", "", "look at every node", OptionSpec::Kind::flag},
    OptionSpec{"--wait", "SECONDS",
               "how long to wait for the job; then it stays queued, and\n"
               "writes the target when it runs (default: 120)"},
    OptionSpec{"--no-wait", "", "do not wait", OptionSpec::Kind::flag},
    OptionSpec{"--here", "", "the machine that this runs on", OptionSpec::Kind::flag},
    OptionSpec{"--from", "FILE",
               "what `hpcenv probe --json` printed on the machine, or another target; - is stdin",
               OptionSpec::Kind::many},
    OptionSpec{"--replace", "", "forget the nodes that the target had", OptionSpec::Kind::flag},
};

constexpr std::array examples{
    "hpcenv target add gpu --partition gpu",
    "hpcenv target add gpu --partition gpu --gpus a100:2 --account physics --per-feature",
    "hpcenv target add workstation --here",
    "srun -p gpu --gpus 1 hpcenv probe --json | hpcenv target add gpu --from -",
    "hpcenv target add gpu --from node1.json --from node2.json --replace"};

Result<host::Target> read_from(const std::string& file, const Session& session) {
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  const bool is_stdin = file == "-";
  const std::filesystem::path path = is_stdin ? "/dev/stdin" : locations.working_directory / file;
  HPCENV_ASSIGN(const std::string text, base::read_file(path));
  auto target = host::parse_target(text, is_stdin ? "stdin" : path);
  if (target) return target;
  return Failure(with_hint(std::move(target).error(),
                           "a profile is what `hpcenv probe --json` prints on the machine"));
}

Result<std::vector<host::NodeProfile>> nodes_of(const Arguments& arguments, Session& session) {
  if (!arguments.has("here") && !arguments.has("from")) {
    return fail_hint(ErrorKind::usage, "no machine is given",
                     "give --partition NAME, --here or --from FILE");
  }
  std::vector<host::NodeProfile> nodes;
  for (const std::string& file : arguments.values("from")) {
    HPCENV_ASSIGN(const host::Target target, read_from(file, session));
    nodes.insert(nodes.end(), target.nodes.begin(), target.nodes.end());
  }
  if (!arguments.has("here")) return nodes;
  session.reporter().step("Looking at this machine");
  HPCENV_ASSIGN(host::NodeProfile here,
                host::probe_node(session.reader(), session.runner(), session.clock(),
                                 host::ProbeDepth::automatic));
  nodes.push_back(std::move(here));
  session.end_progress();
  return nodes;
}

}  // namespace

void warn_of_target(const TargetView& view, Session& session) {
  const host::Target& target = view.target;
  if (cuda_text(view) == "none") {
    session.reporter().warning(
        fmt::format("target {} has a node without an NVIDIA driver: it will get CPU packages only",
                    target.name));
  } else if (std::ranges::none_of(target.nodes, [](const host::NodeProfile& node) {
               return gpus_of(node) != "none";
             })) {
    session.reporter().warning(fmt::format(
        "no node of target {} shows a GPU: was it profiled in a job that has one?", target.name));
  }
  const auto directories = host::target_directories(session.environment());
  for (std::size_t i = 1; i < directories.size(); ++i) {
    const auto sites = directories[i] / target.file.filename();
    if (!base::path_exists(sites)) continue;
    session.reporter().warning(fmt::format("yours is used in place of {}", sites.string()));
  }
}

namespace {

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(const std::string name, target_name(arguments));
  if (asks_slurm(arguments)) return add_through_slurm(name, arguments, session);
  HPCENV_ASSIGN(const std::filesystem::path directory, own_targets(session.environment()));
  HPCENV_ASSIGN(const std::vector<host::NodeProfile> nodes, nodes_of(arguments, session));
  const auto storing = arguments.has("replace") ? host::Storing::replace : host::Storing::add;
  HPCENV_ASSIGN(const host::Target target, host::store_nodes(name, nodes, storing, directory));
  const std::int64_t now = session.clock().now();
  HPCENV_ASSIGN(const TargetView view, view_of(target, now));
  warn_of_target(view, session);
  const Output& output = session.output();
  if (output.json()) {
    base::Json body;
    body["target"] = target_to_json(view);
    output.print_json(body, true);
    return 0;
  }
  output.print(target_text(view, now) +
               fmt::format("\nUse it with: hpcenv create -n NAME --on {} --recipe python\n", name));
  return 0;
}

}  // namespace

constexpr CommandSpec target_add_command{
    .name = "target add",
    .summary = "remember a machine that jobs run on, for --on NAME",
    .synopsis = "NAME (--partition NAME [OPTIONS] | --here | --from FILE [--replace])",
    .details =
        "With --partition a job runs hpcenv once on a node, and the target says how jobs get "
        "there:\n"
        "account, spelling of the GPU request, limits, disks, network. An option that the site\n"
        "refuses or asks for is changed by itself where that can be known. What the target had is\n"
        "replaced. `target refresh` looks again.\n"
        "\n"
        "A target may have several nodes: what the least of them offers counts. With --here and\n"
        "--from, a node that it has already is taken anew. Targets lie in "
        "~/.config/hpcenv/targets;\n"
        "yours come before those of the site ($HPCENV_SITE, /etc/hpcenv).",
    .operands = CommandSpec::Operands::some,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(target_add_command));

}  // namespace hpcenv::cli
