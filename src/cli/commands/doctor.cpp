// hpcenv doctor
#include <algorithm>
#include <array>
#include <optional>

#include "base/json.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/named_environment.hpp"
#include "cli/session.hpp"
#include "doctor/finding.hpp"
#include "ops/locations.hpp"
#include "prefix/state.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"-n,--name", "NAME", "also judge this environment"},
    OptionSpec{"-p,--prefix", "PREFIX", "or the one at this path"},
    OptionSpec{"--list", "", "list the checks and stop", OptionSpec::Kind::flag},
};

constexpr std::array examples{"hpcenv doctor", "hpcenv doctor -n gpu", "hpcenv doctor --list",
                              "srun -p gpu --gpus 1 hpcenv doctor -n gpu"};

struct Examination {
  host::NodeProfile profile;
  std::optional<prefix::PrefixState> state;
  std::string environment_name;
  std::vector<doctor::Finding> findings;
};

Result<Examination> examine(const Arguments& arguments, Session& session) {
  Examination examination;
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  doctor::Subject subject;
  subject.paths = {{"environments", locations.environments().string()},
                   {"package cache", locations.packages().string()}};
  if (arguments.has("name") || arguments.has("prefix")) {
    HPCENV_ASSIGN(const ops::EnvironmentRef environment, named_environment(arguments, locations));
    HPCENV_ASSIGN(examination.state, prefix::read_state(environment.prefix));
    examination.environment_name = environment.name;
    subject.environment = &*examination.state;
    subject.environment_name = environment.name;
  }
  session.reporter().step("Looking at this machine");
  HPCENV_ASSIGN(examination.profile,
                host::probe_node(session.reader(), session.runner(), session.clock(),
                                 host::ProbeDepth::automatic));
  subject.profile = &examination.profile;
  subject.reader = &session.reader();
  session.reporter().step("Checking");
  examination.findings = doctor::examine(subject, doctor::all_checks());
  session.end_progress();
  return examination;
}

Style style_of(doctor::Severity severity) {
  switch (severity) {
    case doctor::Severity::pass:
      return Style::green;
    case doctor::Severity::warning:
      return Style::yellow;
    case doctor::Severity::failure:
      return Style::red;
    case doctor::Severity::info:
    case doctor::Severity::unavailable:
      return Style::dim;
  }
  return Style::plain;
}

std::string finding_text(const doctor::Finding& finding, const Output& output) {
  std::string text = fmt::format(
      "{} {}  {}\n",
      output.styled(style_of(finding.severity), fmt::format("{:<11}", name_of(finding.severity))),
      finding.id, finding.text);
  if (finding.severity != doctor::Severity::warning &&
      finding.severity != doctor::Severity::failure) {
    return text;
  }
  for (const std::string& line : finding.evidence) {
    text += fmt::format("{:17}{}\n", "", line);
  }
  if (finding.remedy) {
    text += fmt::format("{:12}do:  {}\n", "", finding.remedy->text);
    for (const std::string& command : finding.remedy->commands) {
      text += fmt::format("{:17}{}\n", "", command);
    }
  }
  return text;
}

std::size_t count_of(const std::vector<doctor::Finding>& findings, doctor::Severity severity) {
  return static_cast<std::size_t>(
      std::ranges::count(findings, severity, &doctor::Finding::severity));
}

void print_findings(const Examination& examination, const Output& output) {
  const std::size_t failures = count_of(examination.findings, doctor::Severity::failure);
  const std::size_t warnings = count_of(examination.findings, doctor::Severity::warning);
  if (output.json()) {
    base::Json body;
    body["machine"] = examination.profile.hostname;
    body["environment"] = examination.environment_name;
    body["findings"] = base::Json::array();
    for (const doctor::Finding& finding : examination.findings) {
      body["findings"].push_back(doctor::finding_to_json(finding));
    }
    body["failures"] = failures;
    body["warnings"] = warnings;
    output.print_json(body, failures == 0);
    return;
  }
  for (const doctor::Finding& finding : examination.findings) {
    output.print(finding_text(finding, output));
  }
  output.print(fmt::format("\n{} checks on {}: {} failed, {} warnings\n",
                           examination.findings.size(), examination.profile.hostname, failures,
                           warnings));
}

void print_list(const Output& output) {
  base::Json list = base::Json::array();
  std::vector<std::vector<std::string>> rows{{"Id", "Check", "Looks at"}};
  for (const doctor::Check& check : doctor::all_checks()) {
    base::Json value;
    value["id"] = check.id;
    value["name"] = check.name;
    value["title"] = check.title;
    value["needs_environment"] = check.needs_environment;
    list.push_back(std::move(value));
    rows.push_back({check.id, check.name, check.title});
  }
  if (output.json()) {
    base::Json body;
    body["checks"] = std::move(list);
    output.print_json(body, true);
  } else {
    output.print(table_text(rows));
  }
}

Result<int> run(const Arguments& arguments, Session& session) {
  if (arguments.has("list")) {
    print_list(session.output());
    return 0;
  }
  HPCENV_ASSIGN(const Examination examination, examine(arguments, session));
  print_findings(examination, session.output());
  return count_of(examination.findings, doctor::Severity::failure) == 0 ? 0 : 1;
}

}  // namespace

constexpr CommandSpec doctor_command{
    .name = "doctor",
    .summary = "say whether this machine fits an environment, and what to do if not",
    .synopsis = "[-n NAME | -p PREFIX] [--list]",
    .details =
        "Looks at the machine that it runs on: to judge the nodes of a partition, run it there by "
        "srun.\n"
        "Leaves with 1 where a check failed.",
    .operands = CommandSpec::Operands::none,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(doctor_command));

}  // namespace hpcenv::cli
