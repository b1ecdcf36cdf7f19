// hpcenv version
#include <array>

#include "base/json.hpp"
#include "cli/commands/commands.hpp"
#include "cli/session.hpp"
#include "conda/platform.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array examples{"hpcenv version", "hpcenv version --json"};

Result<int> run(const Arguments& /*arguments*/, Session& session) {
  if (session.output().json()) {
    base::Json body;
    body["version"] = HPCENV_VERSION;
    body["platform"] = conda::native_subdir();
    session.output().print_json(body, true);
  } else {
    session.output().print("hpcenv " HPCENV_VERSION "\n");
  }
  return 0;
}

}  // namespace

constexpr CommandSpec version_command{
    .name = "version",
    .summary = "show the version of hpcenv",
    .synopsis = "",
    .details = "",
    .operands = CommandSpec::Operands::none,
    .options = {},
    .examples = examples,
    .run = run,
};
static_assert(well_formed(version_command));

}  // namespace hpcenv::cli
