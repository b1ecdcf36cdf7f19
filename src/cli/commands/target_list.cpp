// hpcenv target list
#include <array>
#include <set>

#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/target_slurm.hpp"
#include "cli/commands/target_words.hpp"
#include "cli/session.hpp"
#include "cli/target_view.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array examples{"hpcenv target list", "hpcenv target list --json"};

using Rows = std::vector<std::vector<std::string>>;

std::string gpus_of_all(const host::Target& target) {
  std::set<std::string> kinds;
  for (const host::NodeProfile& node : target.nodes) kinds.insert(gpus_of(node));
  return base::join(std::vector<std::string>(kinds.begin(), kinds.end()), "; ");
}

Result<host::Target> read_target(const host::TargetFile& known) {
  return host::load_target(known.name, {known.file.parent_path()}, "/");
}

/// A target that cannot be read is listed with the reason.
void add(const host::TargetFile& known, Session& session, Rows& rows, base::Json& list) {
  const auto own = own_targets(session.environment());
  const bool is_own = own && known.file.parent_path() == *own;
  const std::string whose = is_own ? "yours" : known.file.parent_path().string();
  const auto target = read_target(known);
  const auto view = target ? view_of(*target, session.clock().now())
                           : Result<TargetView>(Failure(target.error()));
  if (!view) {
    rows.push_back({known.name, "", "", "", "cannot be read", whose});
    list.push_back(
        {{"name", known.name}, {"file", known.file.string()}, {"problem", view.error().message}});
    session.reporter().warning(view.error().message);
    return;
  }
  rows.push_back({known.name, std::to_string(target->nodes.size()), gpus_of_all(*target),
                  cuda_text(*view), age_cell(view->age_days), whose});
  list.push_back(target_to_json(*view));
}

Result<int> run(const Arguments& /*arguments*/, Session& session) {
  pick_up_targets(session);
  Rows rows{{"Name", "Nodes", "GPUs", "CUDA", "Profiled", "Whose"}};
  base::Json list = base::Json::array();
  for (const host::TargetFile& known :
       host::stored_targets(host::target_directories(session.environment()))) {
    add(known, session, rows, list);
  }
  const Output& output = session.output();
  if (output.json()) {
    base::Json body;
    body["targets"] = std::move(list);
    output.print_json(body, true);
  } else if (rows.size() == 1) {
    output.say("No targets yet. Make one with: " + host::profile_command("NAME", "") + "\n");
  } else {
    output.print(table_text(rows));
  }
  return 0;
}

}  // namespace

constexpr CommandSpec target_list_command{
    .name = "target list",
    .summary = "list the machines that --on NAME can mean",
    .synopsis = "",
    .details = "Yours come before those of the site that have the same name.",
    .operands = CommandSpec::Operands::none,
    .options = {},
    .examples = examples,
    .run = run,
};
static_assert(well_formed(target_list_command));

}  // namespace hpcenv::cli
