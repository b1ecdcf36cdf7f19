// hpcenv version
#include <array>

#include "base/embedded.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/session.hpp"
#include "conda/platform.hpp"

extern "C" const hpcenv::base::EmbeddedTable* hpcenv_embedded_third_party();

namespace hpcenv::cli {
namespace {

constexpr std::array examples{"hpcenv version", "hpcenv version --json"};

base::Json libraries() {
  base::Json versions = base::Json::object();
  const auto text =
      base::embedded_file(*hpcenv_embedded_third_party(), "third_party/dependencies.txt");
  for (std::string_view line : base::split_lines(text.value_or(""))) {
    if (const auto words = base::split_words(line); words.size() == 2) {
      versions[std::string(words[0])] = words[1];
    }
  }
  return versions;
}

Result<int> run(const Arguments& /*arguments*/, Session& session) {
  if (session.output().json()) {
    base::Json body;
    body["version"] = HPCENV_VERSION;
    body["platform"] = conda::native_subdir();
    body["libraries"] = libraries();
    session.output().print_json(body, true);
  } else {
    session.output().print("hpcenv " HPCENV_VERSION "\n");
  }
  return 0;
}

}  // namespace

constexpr CommandSpec version_command{
    .name = "version",
    .summary = "show the version of hpcenv and, with --json, of its libraries",
    .synopsis = "",
    .details = "",
    .operands = CommandSpec::Operands::none,
    .options = {},
    .examples = examples,
    .run = run,
};
static_assert(well_formed(version_command));

}  // namespace hpcenv::cli
