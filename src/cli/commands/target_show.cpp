// hpcenv target show
#include <array>

#include "base/json.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/target_slurm.hpp"
#include "cli/commands/target_words.hpp"
#include "cli/session.hpp"
#include "cli/target_view.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array examples{"hpcenv target show gpu", "hpcenv target show gpu --json"};

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(const std::string name, target_name(arguments));
  pick_up_targets(session);
  HPCENV_ASSIGN(const host::Target target,
                host::load_target(name, host::target_directories(session.environment()), "/"));
  const std::int64_t now = session.clock().now();
  HPCENV_ASSIGN(const TargetView view, view_of(target, now));
  const Output& output = session.output();
  if (!output.json()) {
    output.print(target_text(view, now));
    return 0;
  }
  base::Json body;
  body["target"] = target_to_json(view);
  body["target"]["nodes"] = base::Json::array();
  for (const host::NodeProfile& node : target.nodes) {
    body["target"]["nodes"].push_back(host::profile_to_json(node));
  }
  output.print_json(body, true);
  return 0;
}

}  // namespace

constexpr CommandSpec target_show_command{
    .name = "target show",
    .summary = "show what a target offers, and its nodes",
    .synopsis = "NAME",
    .details = "Overrides (CONDA_OVERRIDE_CUDA, ...) do not count here, but where --on uses it.",
    .operands = CommandSpec::Operands::some,
    .options = {},
    .examples = examples,
    .run = run,
};
static_assert(well_formed(target_show_command));

}  // namespace hpcenv::cli
