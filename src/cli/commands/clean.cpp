// hpcenv clean
#include <array>

#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/ask.hpp"
#include "cli/commands/change_options.hpp"
#include "cli/commands/commands.hpp"
#include "cli/session.hpp"
#include "ops/clean.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"-a,--all", "", "all of the following", OptionSpec::Kind::flag},
    OptionSpec{"-p,--packages", "", "cached packages that no environment uses",
               OptionSpec::Kind::flag},
    OptionSpec{"-t,--tarballs", "", "archives that other tools left in the package cache",
               OptionSpec::Kind::flag},
    OptionSpec{"-i,--index-cache", "", "what is known of channels", OptionSpec::Kind::flag},
    OptionSpec{"--images", "", "base images that `image build` pulled", OptionSpec::Kind::flag},
    OptionSpec{"--trash", "", "what interrupted commands left in and beside environments",
               OptionSpec::Kind::flag},
    OptionSpec{"-f,--force", "", "also packages that environments hold as copies",
               OptionSpec::Kind::flag},
    no_lock_option,
    OptionSpec{"-d,--dry-run", "", "say what would be removed and stop", OptionSpec::Kind::flag},
    OptionSpec{"-y,--yes", "", "do not ask", OptionSpec::Kind::flag},
};

constexpr std::array examples{"hpcenv clean --all --dry-run", "hpcenv clean --packages -y",
                              "hpcenv clean --index-cache"};

struct PartOption {
  const char* option;
  ops::CleanPart part;
};
constexpr std::array part_options{
    PartOption{"packages", ops::CleanPart::packages},
    PartOption{"tarballs", ops::CleanPart::archives},
    PartOption{"index-cache", ops::CleanPart::index},
    PartOption{"images", ops::CleanPart::images},
    PartOption{"trash", ops::CleanPart::trash},
};

Result<ops::CleanRequest> request_of(const Arguments& arguments) {
  ops::CleanRequest request;
  for (const PartOption& option : part_options) {
    if (arguments.has(option.option) || arguments.has("all")) {
      request.parts.push_back(option.part);
    }
  }
  if (request.parts.empty()) {
    return fail_hint(
        ErrorKind::usage, "nothing to clean is named",
        "give --all, or one of: --packages, --tarballs, --index-cache, --images, --trash");
  }
  if (arguments.has("force")) {
    request.copied = ops::CleanRequest::Copied::remove;
  }
  return request;
}

std::string plan_text(const ops::CleanPlan& plan) {
  std::vector<std::vector<std::string>> rows{{"What", "Size", "Path"}};
  for (const ops::CleanItem& item : plan.items) {
    rows.push_back({ops::name_of(item.part), base::human_bytes(item.bytes), item.path.string()});
  }
  std::string text = plan.items.empty() ? "There is nothing to remove\n" : table_text(rows);
  for (const std::string& note : plan.notes) {
    text += "note: " + note + "\n";
  }
  return text;
}

bool confirmed(const Session& session, const ops::CleanPlan& plan) {
  const Output& output = session.output();
  if (session.settings().flag("always_yes") || output.json() || !output.stdin_is_terminal()) {
    return true;
  }
  const auto answer =
      ask(fmt::format("Remove these, {} in all? [Y/n] ", base::human_bytes(plan.bytes())), output);
  return answer.has_value() && (answer->empty() || *answer == "y" || *answer == "yes");
}

void print_json(const ops::CleanPlan& plan, bool dry_run, std::uint64_t freed,
                const Output& output) {
  base::Json body;
  body["dry_run"] = dry_run;
  body["items"] = base::Json::array();
  for (const ops::CleanItem& item : plan.items) {
    base::Json value;
    value["what"] = ops::name_of(item.part);
    value["path"] = item.path.string();
    value["bytes"] = item.bytes;
    body["items"].push_back(std::move(value));
  }
  body["notes"] = plan.notes;
  body["bytes"] = plan.bytes();
  body["freed_bytes"] = freed;
  output.print_json(body, true);
}

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(ops::CleanRequest request, request_of(arguments));
  request.no_lock = missing_lock(session);
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  HPCENV_ASSIGN(const ops::CleanPlan plan, ops::plan_clean(request, locations));
  const Output& output = session.output();
  const bool dry_run = arguments.has("dry-run");
  if (!output.json()) {
    output.print(plan_text(plan));
    flush_stdout();
  }
  std::uint64_t freed = 0;
  if (!dry_run && !plan.items.empty()) {
    if (!confirmed(session, plan)) {
      HPCENV_TRY(base::check_interrupt());
      return fail(ErrorKind::refused, "nothing was removed: not confirmed");
    }
    HPCENV_ASSIGN(const ops::Seams seams, session.seams());
    HPCENV_ASSIGN(freed,
                  ops::carry_out_clean(plan, request, locations, session.environment(), seams));
    session.end_progress();
  }
  if (output.json()) {
    print_json(plan, dry_run, freed, output);
  } else if (dry_run) {
    output.say(fmt::format("{} would come free; nothing was changed (--dry-run)\n",
                           base::human_bytes(plan.bytes())));
  } else if (!plan.items.empty()) {
    output.say(fmt::format("Freed {}\n", base::human_bytes(freed)));
  }
  return 0;
}

}  // namespace

constexpr CommandSpec clean_command{
    .name = "clean",
    .summary = "give disk space back: unused packages, index, base images, leftovers",
    .synopsis = "(--all | --packages | --tarballs | --index-cache | --images | --trash)...",
    .details =
        "Environments are never touched, nor cached packages whose files they share. What is "
        "removed is\n"
        "fetched again where it is needed. Only the cache that hpcenv writes to is cleaned.",
    .operands = CommandSpec::Operands::none,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(clean_command));

}  // namespace hpcenv::cli
