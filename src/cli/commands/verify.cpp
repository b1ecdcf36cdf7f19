// hpcenv verify
#include <array>

#include "base/json.hpp"
#include "base/parallel.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/named_environment.hpp"
#include "cli/session.hpp"
#include "ops/locations.hpp"
#include "prefix/readers.hpp"
#include "prefix/verify.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"-n,--name", "NAME", "name of the environment"},
    OptionSpec{"-p,--prefix", "PREFIX", "or its path; without both: the active one"},
    OptionSpec{"--sizes", "", "compare sizes only, read no file", OptionSpec::Kind::flag},
};

constexpr std::array examples{"hpcenv verify -n work", "hpcenv verify -p /scratch/me/env --json"};

const char* name_of(prefix::Damage::Kind kind) {
  switch (kind) {
    case prefix::Damage::Kind::missing:
      return "missing";
    case prefix::Damage::Kind::changed:
      return "changed";
    case prefix::Damage::Kind::wrong_type:
      return "wrong_type";
    case prefix::Damage::Kind::unreadable:
      return "unreadable";
  }
  return "changed";
}

void print_json(const prefix::PrefixState& state, const prefix::VerifyReport& report,
                const Output& output) {
  base::Json body;
  body["prefix"] = state.prefix.string();
  body["packages"] = state.packages.size();
  body["files"] = report.files;
  body["damage"] = base::Json::array();
  for (const prefix::Damage& damage : report.damage) {
    base::Json value;
    value["kind"] = name_of(damage.kind);
    value["package"] = damage.package;
    value["path"] = damage.path;
    value["detail"] = damage.detail;
    body["damage"].push_back(std::move(value));
  }
  body["notes"] = report.notes;
  output.print_json(body, report.damage.empty());
}

void print_text(const prefix::PrefixState& state, const prefix::VerifyReport& report,
                const Output& output) {
  std::vector<std::vector<std::string>> rows{{"Damage", "Package", "Path", ""}};
  for (const prefix::Damage& damage : report.damage) {
    rows.push_back({name_of(damage.kind), damage.package, damage.path, damage.detail});
  }
  if (rows.size() > 1) {
    output.print(table_text(rows));
  }
  for (const std::string& note : report.notes) {
    output.print("note: " + note + "\n");
  }
  output.print(fmt::format("{} files of {} packages: {}\n", report.files, state.packages.size(),
                           report.damage.empty()
                               ? "as they were installed"
                               : fmt::format("{} damaged", report.damage.size())));
}

// The packages to install again, in the words of the command that does it.
std::string remedy(const ops::EnvironmentRef& environment, const prefix::VerifyReport& report) {
  std::string names;
  std::string last;
  for (const prefix::Damage& damage : report.damage) {
    const std::size_t build = damage.package.rfind('-');
    const std::string name = damage.package.substr(0, damage.package.rfind('-', build - 1));
    if (name != last && !name.empty()) {
      names += " " + name;
    }
    last = name;
  }
  return fmt::format("hint: install them again: hpcenv install -p {} --force-reinstall{}\n",
                     environment.prefix.string(), names);
}

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  HPCENV_ASSIGN(const ops::EnvironmentRef environment, named_environment(arguments, locations));
  HPCENV_TRY(prefix::require_usable(environment.prefix, {}, session.reporter()));
  HPCENV_ASSIGN(const prefix::PrefixState state, prefix::read_state(environment.prefix));
  const auto depth =
      arguments.has("sizes") ? prefix::VerifyDepth::sizes : prefix::VerifyDepth::hashes;
  session.reporter().step("Verifying");
  HPCENV_ASSIGN(const prefix::VerifyReport report,
                prefix::verify(state, depth, base::available_processors(), session.reporter()));
  session.end_progress();
  if (session.output().json()) {
    print_json(state, report, session.output());
  } else {
    print_text(state, report, session.output());
    if (!report.damage.empty()) {
      flush_stdout();
      session.output().say(remedy(environment, report));
    }
  }
  return report.damage.empty() ? 0 : 1;
}

}  // namespace

constexpr CommandSpec verify_command{
    .name = "verify",
    .summary = "compare the files of an environment with what was installed",
    .synopsis = "[-n NAME | -p PREFIX] [--sizes]",
    .details =
        "Every file against the sha256 that its package's record has for it; links against where "
        "they\n"
        "lead. Nothing is changed. Damage: exit code 1.",
    .operands = CommandSpec::Operands::none,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(verify_command));

}  // namespace hpcenv::cli
