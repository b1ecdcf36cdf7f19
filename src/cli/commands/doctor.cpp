// hpcenv doctor
#include <algorithm>
#include <array>

#include "base/json.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/named_environment.hpp"
#include "cli/session.hpp"
#include "conda/channel.hpp"
#include "doctor/finding.hpp"
#include "ops/examination.hpp"
#include "ops/locations.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"-n,--name", "NAME", "also judge this environment"},
    OptionSpec{"-p,--prefix", "PREFIX", "or the one at this path"},
    OptionSpec{"--on", "TARGET", "judge the machines of this target, not this one"},
    OptionSpec{"--job", "", "only what an allocation may show differently than the node",
               OptionSpec::Kind::flag},
    OptionSpec{"--deep", "", "also what takes minutes: hashes every file", OptionSpec::Kind::flag},
    OptionSpec{"--list", "", "list the checks and stop", OptionSpec::Kind::flag},
    OptionSpec{"--captured", "DIR", "a machine that lies in this folder, not this one"},
};

constexpr std::array examples{"hpcenv doctor",
                              "hpcenv doctor -n gpu",
                              "hpcenv doctor -n gpu --on a100",
                              "hpcenv doctor driver P04",
                              "hpcenv doctor --list",
                              "srun -p gpu --gpus 1 hpcenv doctor -n gpu"};

/// In the user's cache folder, else below the root.
std::filesystem::path scan_cache(const base::Environment& environment,
                                 const ops::Locations& locations) {
  const std::filesystem::path folder = environment.get_or("XDG_CACHE_HOME", "");
  constexpr const char* name = "gpu-code.json";
  return folder.is_absolute() ? folder / "hpcenv" / name : locations.root / "cache" / name;
}

Result<ops::ExaminationRequest> request_of(const Arguments& arguments,
                                           const ops::Locations& locations) {
  ops::ExaminationRequest request;
  if (arguments.has("name") || arguments.has("prefix")) {
    HPCENV_ASSIGN(request.environment, named_environment(arguments, locations));
  }
  request.target = arguments.value("on");
  request.selection.words = arguments.operands();
  request.selection.job = arguments.has("job");
  request.selection.deep = arguments.has("deep");
  return request;
}

/// Words that are no channels are left out: that is for the commands that use them.
ops::NetworkRequest network_request(const Session& session) {
  ops::NetworkRequest request{{}, session.network_options(), ""};
  const std::string& verify = session.settings().value("ssl_verify");
  if (verify.find('/') != std::string::npos) request.ca_setting = verify;
  const auto rules = session.channel_rules();
  if (!rules) return request;
  for (const std::string& word : session.settings().list("channels")) {
    const auto channels = conda::expand_channel(word, *rules);
    if (!channels) continue;
    for (const conda::Channel& channel : *channels) request.channels.push_back(channel.base_url);
  }
  return request;
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

void print_findings(const ops::Examination& examination, const std::string& environment,
                    const Output& output) {
  const std::size_t failures = count_of(examination.findings, doctor::Severity::failure);
  const std::size_t warnings = count_of(examination.findings, doctor::Severity::warning);
  if (output.json()) {
    base::Json body;
    body["machine"] = examination.machine;
    body["environment"] = environment;
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
                           examination.findings.size(), examination.machine, failures, warnings));
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
  if (arguments.has("captured")) {
    HPCENV_TRY(session.look_at_capture(arguments.value("captured")));
  }
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  HPCENV_ASSIGN(ops::ExaminationRequest request, request_of(arguments, locations));
  request.scan_cache = scan_cache(session.environment(), locations);
  if (!session.is_captured()) request.network = network_request(session);
  HPCENV_ASSIGN(const ops::Examination examination,
                ops::examine_machine(request, locations, session.local_seams()));
  session.end_progress();
  print_findings(examination, request.environment ? request.environment->name : "",
                 session.output());
  return count_of(examination.findings, doctor::Severity::failure) == 0 ? 0 : 1;
}

}  // namespace

constexpr CommandSpec doctor_command{
    .name = "doctor",
    .summary = "say whether this machine fits an environment, and what to do if not",
    .synopsis = "[-n NAME | -p PREFIX] [--on TARGET] [--job] [--list] [CHECK...]",
    .details =
        "Looks at the machine that it runs on, or with --on at the profiles of a target.\n"
        "CHECK is the id, the name or the group of a check, or a glob of one.\n"
        "Leaves with 1 where a check failed.",
    .operands = CommandSpec::Operands::some,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(doctor_command));

}  // namespace hpcenv::cli
