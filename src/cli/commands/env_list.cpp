// hpcenv env list
#include <array>

#include "base/json.hpp"
#include "cli/commands/commands.hpp"
#include "cli/session.hpp"
#include "ops/locations.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array examples{"hpcenv env list", "hpcenv env list --json"};

Result<int> run(const Arguments& /*arguments*/, Session& session) {
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  base::Json environments = base::Json::array();
  std::vector<std::vector<std::string>> rows{{"Name", "Active", "Prefix"}};
  for (const ops::KnownEnvironment& known : ops::known_environments(locations)) {
    base::Json value;
    value["name"] = known.name;
    value["prefix"] = known.prefix.string();
    const bool active = known.prefix == locations.active_prefix;
    value["active"] = active;
    environments.push_back(std::move(value));
    rows.push_back({known.name, active ? "*" : "", known.prefix.string()});
  }
  const Output& output = session.output();
  if (output.json()) {
    base::Json body;
    body["environments"] = std::move(environments);
    output.print_json(body, true);
    return 0;
  }
  if (rows.size() == 1) {
    output.say("No environments yet. Make one with: hpcenv create -n NAME --recipe python\n");
    return 0;
  }
  output.print(table_text(rows));
  return 0;
}

}  // namespace

constexpr CommandSpec env_list_command{
    .name = "env list",
    .summary = "list environments",
    .synopsis = "",
    .details = "Those with a name, then those that ~/.conda/environments.txt names.",
    .operands = CommandSpec::Operands::none,
    .options = {},
    .examples = examples,
    .run = run,
};
static_assert(well_formed(env_list_command));

}  // namespace hpcenv::cli
