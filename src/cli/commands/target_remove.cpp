// hpcenv target remove
#include <array>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/target_words.hpp"
#include "cli/session.hpp"
#include "host/target_store.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"--node", "HOST", "only this node of it"},
    OptionSpec{"--dry-run", "", "say what would be removed and stop", OptionSpec::Kind::flag},
};

constexpr std::array examples{"hpcenv target remove gpu", "hpcenv target remove gpu --node gpu07"};

/// A target that only the site has is not the user's to remove.
Result<> require_own(const std::string& name, const std::filesystem::path& own,
                     const base::Environment& environment) {
  const std::filesystem::path file = own / (name + ".json");
  if (base::path_exists(file)) return {};
  for (const host::TargetFile& known :
       host::stored_targets(host::target_directories(environment))) {
    if (known.name != name) continue;
    return fail_hint(ErrorKind::refused,
                     fmt::format("target {} is not yours: {}", name, known.file.string()),
                     "hpcenv target add " + name + " makes one of yours, which comes first");
  }
  return fail_hint(ErrorKind::not_found, fmt::format("there is no target '{}'", name),
                   "list those that there are with: hpcenv target list");
}

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(const std::string name, target_name(arguments));
  HPCENV_ASSIGN(const std::filesystem::path own, own_targets(session.environment()));
  HPCENV_TRY(require_own(name, own, session.environment()));
  const std::string node = arguments.value("node");
  const bool dry_run = arguments.has("dry-run");
  if (!dry_run && node.empty()) HPCENV_TRY(host::remove_target(name, own));
  if (!dry_run && !node.empty()) HPCENV_TRY(host::remove_node(name, node, own));
  const Output& output = session.output();
  if (output.json()) {
    base::Json body;
    body["removed"] = name;
    body["node"] = node.empty() ? base::Json(nullptr) : base::Json(node);
    body["dry_run"] = dry_run;
    output.print_json(body, true);
    return 0;
  }
  const std::string what =
      node.empty() ? "target " + name : fmt::format("node {} of target {}", node, name);
  output.say(fmt::format("{} {}\n", dry_run ? "Would remove" : "Removed", what));
  return 0;
}

}  // namespace

constexpr CommandSpec target_remove_command{
    .name = "target remove",
    .summary = "forget a target, or one of its nodes",
    .synopsis = "NAME [--node HOST]",
    .details = "Environments that were made for it stay as they are.",
    .operands = CommandSpec::Operands::some,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(target_remove_command));

}  // namespace hpcenv::cli
