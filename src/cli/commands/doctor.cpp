// hpcenv doctor
#include <algorithm>
#include <array>

#include "base/clock.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/named_environment.hpp"
#include "cli/doctor_checks.hpp"
#include "cli/doctor_page.hpp"
#include "cli/doctor_report.hpp"
#include "cli/doctor_text.hpp"
#include "cli/session.hpp"
#include "conda/channel.hpp"
#include "doctor/finding.hpp"
#include "doctor/make_finding.hpp"
#include "host/target.hpp"
#include "ops/examination.hpp"
#include "ops/locations.hpp"
#include "ops/report_masking.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"-n,--name", "NAME", "also judge this environment"},
    OptionSpec{"-p,--prefix", "PREFIX", "or the one at this path"},
    OptionSpec{"--on", "TARGET", "judge the machines of this target, not this one"},
    OptionSpec{"--job", "", "only what an allocation may show differently than the node",
               OptionSpec::Kind::flag},
    OptionSpec{"--deep", "", "also what takes minutes: hashes every file", OptionSpec::Kind::flag},
    OptionSpec{"--share", "", "to show to others: without names of user, hosts and private paths",
               OptionSpec::Kind::flag},
    OptionSpec{"--html", "FILE", "also write the report there, as a page for a browser"},
    OptionSpec{"--list", "", "list the checks and stop", OptionSpec::Kind::flag},
    OptionSpec{"--markdown", "", "with --list: print the page of the reference",
               OptionSpec::Kind::flag},
    OptionSpec{"--captured", "DIR", "a machine that lies in this folder, not this one"},
};

constexpr std::array examples{"hpcenv doctor",
                              "hpcenv doctor -n gpu",
                              "hpcenv doctor -n gpu --on a100",
                              "hpcenv doctor driver P04",
                              "hpcenv doctor -n gpu --share --html report.html",
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

/// That asks again of the same machine and environment.
std::string command_again(const Arguments& arguments) {
  std::string command = "hpcenv doctor";
  for (const char* option : {"name", "prefix", "on", "captured"}) {
    if (!arguments.has(option)) continue;
    command += option == std::string_view("name") ? " -n " : fmt::format(" --{} ", option);
    command += doctor::shell_word(arguments.value(option));
  }
  return command;
}

DoctorReport report_of(const Arguments& arguments, const ops::ExaminationRequest& request,
                       ops::Examination examination, std::int64_t now) {
  DoctorReport report;
  report.machine = std::move(examination.machine);
  report.target = request.target;
  report.environment = request.environment ? request.environment->name : "";
  report.age_days = host::age_in_days(examination.oldest_profile, now);
  report.command = command_again(arguments);
  report.findings = std::move(examination.findings);
  return report;
}

/// With other names for all that --share leaves out.
DoctorReport shared(DoctorReport report, ops::ReportMasking masking) {
  for (std::string* text :
       {&report.machine, &report.target, &report.environment, &report.command}) {
    *text = masking.text(*text);
  }
  for (doctor::Finding& finding : report.findings) finding = masking.finding(finding);
  return report;
}

base::Json report_to_json(const DoctorReport& report) {
  const FindingCounts counts = count_findings(report.findings);
  base::Json body;
  body["machine"] = report.machine;
  body["environment"] = report.environment;
  body["findings"] = base::Json::array();
  for (const doctor::Finding& finding : report.findings) {
    body["findings"].push_back(doctor::finding_to_json(finding));
  }
  body["failures"] = counts.failures;
  body["warnings"] = counts.warnings;
  return body;
}

void print_report(const DoctorReport& report, const Arguments& arguments, const Output& output) {
  const bool is_well = count_findings(report.findings).failures == 0;
  if (output.json()) {
    output.print_json(report_to_json(report), is_well);
    return;
  }
  // Who names checks wants to hear of each.
  const bool shows_all = arguments.has("verbose") || !arguments.operands().empty();
  const auto detail = shows_all ? ReportLook::Detail::all : ReportLook::Detail::what_is_not_well;
  output.print(report_text(report, look_for(output, detail), output));
}

/// Beside what is printed; the file appears when it is whole, in place of an older one.
Result<> write_page(const DoctorReport& report, const Arguments& arguments,
                    const ops::Locations& locations, const Session& session) {
  const std::string file = arguments.value("html");
  const PageNotes notes{base::utc_text(session.clock().now()), arguments.has("share")
                                                                   ? PageNotes::Names::masked
                                                                   : PageNotes::Names::as_they_are};
  HPCENV_TRY(base::write_file(locations.working_directory / file, report_page(report, notes)));
  session.output().say(fmt::format("Wrote {}\n", file));
  return {};
}

void print_list(const Arguments& arguments, const Output& output) {
  if (output.json()) {
    base::Json body;
    body["checks"] = check_list_json();
    output.print_json(body, true);
    return;
  }
  output.print(arguments.has("markdown") ? check_list_page() : check_list_text());
}

Result<int> run(const Arguments& arguments, Session& session) {
  if (arguments.has("list")) {
    print_list(arguments, session.output());
    return 0;
  }
  if (arguments.has("captured")) {
    HPCENV_TRY(session.look_at_capture(arguments.value("captured")));
  }
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  HPCENV_ASSIGN(ops::ExaminationRequest request, request_of(arguments, locations));
  request.scan_cache = scan_cache(session.environment(), locations);
  if (!session.is_captured()) request.network = network_request(session);
  HPCENV_ASSIGN(ops::Examination examination,
                ops::examine_machine(request, locations, session.local_seams()));
  session.end_progress();
  std::optional<ops::ReportMasking> masking;
  if (arguments.has("share")) masking.emplace(locations, session.reader(), examination);
  DoctorReport report =
      report_of(arguments, request, std::move(examination), session.clock().now());
  if (masking) report = shared(std::move(report), *std::move(masking));
  print_report(report, arguments, session.output());
  if (arguments.has("html")) {
    HPCENV_TRY(write_page(report, arguments, locations, session));
  }
  return count_findings(report.findings).failures == 0 ? 0 : 1;
}

}  // namespace

constexpr CommandSpec doctor_command{
    .name = "doctor",
    .summary = "say whether this machine fits an environment, and what to do if not",
    .synopsis = "[-n NAME | -p PREFIX] [--on TARGET] [--job] [--share] [--html FILE] [CHECK...]",
    .details =
        "Looks at the machine that it runs on, or with --on at the profiles of a target.\n"
        "CHECK is the id, the name or the group of a check, or a glob of one.\n"
        "One line a group, and below it what is not well; --verbose shows every finding.\n"
        "Leaves with 1 where a check failed.",
    .operands = CommandSpec::Operands::some,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(doctor_command));

}  // namespace hpcenv::cli
