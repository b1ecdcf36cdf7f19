// hpcenv list
#include <array>

#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/render.hpp"
#include "cli/session.hpp"
#include "ops/locations.hpp"
#include "prefix/state.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"-n,--name", "NAME", "name of the environment"},
    OptionSpec{"-p,--prefix", "PREFIX", "or its path"},
};

constexpr std::array examples{
    "hpcenv list -n work",
    "hpcenv list -n work numpy 'cuda-*'",
    "hpcenv list -p /scratch/me/env --json",
};

bool is_wanted(const conda::PackageRecord& record, const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) {
    if (base::glob_match(pattern, record.name)) {
      return true;
    }
  }
  return patterns.empty();
}

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  HPCENV_ASSIGN(
      const ops::EnvironmentRef environment,
      ops::existing_environment(locations, arguments.value("name"), arguments.value("prefix")));
  HPCENV_ASSIGN(const prefix::PrefixState state,
                prefix::read_state(environment.prefix, prefix::Detail::without_paths));
  base::Json packages = base::Json::array();
  std::vector<std::vector<std::string>> rows{{"Package", "Version", "Build", "Channel"}};
  for (const conda::PrefixRecord& installed : state.packages) {
    const conda::PackageRecord& record = installed.record;
    if (!is_wanted(record, arguments.operands())) {
      continue;
    }
    packages.push_back(package_to_json(record));
    packages.back()["requested_specs"] = installed.requested_specs;
    rows.push_back({record.name, record.version, record.build,
                    short_channel(record.channel) + "/" + record.subdir});
  }
  if (session.output().json()) {
    base::Json body;
    body["prefix"] = environment.prefix.string();
    body["packages"] = std::move(packages);
    session.output().print_json(body, true);
    return 0;
  }
  session.output().print(table_text(rows));
  return 0;
}

}  // namespace

constexpr CommandSpec list_command{
    .name = "list",
    .summary = "list the packages of an environment",
    .synopsis = "(-n NAME | -p PREFIX) [NAME-OR-GLOB...]",
    .details = "",
    .operands = CommandSpec::Operands::some,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(list_command));

}  // namespace hpcenv::cli
