// hpcenv create
#include <array>
#include <iostream>

#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/error_report.hpp"
#include "cli/render.hpp"
#include "cli/session.hpp"
#include "conda/platform.hpp"
#include "ops/create.hpp"
#include "ops/wishes.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"-n,--name", "NAME", "name of the new environment"},
    OptionSpec{"-p,--prefix", "PREFIX", "or the path where it goes"},
    OptionSpec{"-c,--channel", "CHANNEL", "take packages from here; earlier ones win",
               OptionSpec::Kind::many},
    OptionSpec{"--override-channels", "", "only the channels of -c", OptionSpec::Kind::flag},
    OptionSpec{"-f,--file", "FILE", "an environment.yml"},
    OptionSpec{"--recipe", "NAME", "start from a recipe (see: hpcenv recipes)"},
    OptionSpec{"--channel-priority", "MODE", "strict (default), flexible or disabled"},
    OptionSpec{"--offline", "", "use what is in the caches, open no connection",
               OptionSpec::Kind::flag},
    OptionSpec{"--no-pyc", "", "do not compile Python files", OptionSpec::Kind::flag},
    OptionSpec{"--dry-run", "", "show the plan and stop", OptionSpec::Kind::flag},
    OptionSpec{"-y,--yes", "", "do not ask", OptionSpec::Kind::flag},
};

constexpr std::array examples{
    "hpcenv create -n work python=3.12 numpy",
    "hpcenv create -n work -f environment.yml",
    "hpcenv create -n gpu --recipe cuda-dev",
    "hpcenv create -p /scratch/me/env -c bioconda -c conda-forge samtools",
    "CONDA_OVERRIDE_CUDA=12.4 hpcenv create -n gpu --dry-run pytorch-gpu",
};

Result<solve::ChannelPriority> priority_of(const Arguments& arguments, const Settings& settings) {
  const std::string text = arguments.value("channel-priority", settings.value("channel_priority"));
  if (text == "strict") {
    return solve::ChannelPriority::strict;
  }
  if (text == "flexible") {
    return solve::ChannelPriority::flexible;
  }
  if (text == "disabled") {
    return solve::ChannelPriority::disabled;
  }
  return fail_hint(ErrorKind::usage, fmt::format("'{}' is no channel priority", text),
                   "use strict, flexible or disabled");
}

Result<ops::Wishes> wishes_of(const Arguments& arguments, const Session& session,
                              const ops::Locations& locations) {
  ops::WishInput input;
  input.specs = arguments.operands();
  input.channels = arguments.values("channel");
  input.default_channels = session.settings().list("channels");
  if (arguments.has("override-channels")) {
    input.override_channels = ops::WishInput::OverrideChannels::yes;
  }
  input.environment_file = arguments.value("file");
  input.recipe = arguments.value("recipe");
  input.channel_alias = session.settings().value("channel_alias");
  input.working_directory = locations.working_directory.string();
  input.home = locations.home.string();
  return ops::gather_wishes(input);
}

Result<ops::CreateRequest> request_of(const Arguments& arguments, Session& session,
                                      const ops::Locations& locations) {
  ops::CreateRequest request;
  HPCENV_ASSIGN(request.wishes, wishes_of(arguments, session, locations));
  for (const std::string& warning : request.wishes.warnings) {
    session.reporter().warning(warning);
  }
  std::string name = arguments.value("name");
  if (name.empty() && !arguments.has("prefix")) {
    name = request.wishes.name;
  }
  HPCENV_ASSIGN(const ops::EnvironmentRef environment,
                ops::environment_ref(locations, name, arguments.value("prefix")));
  request.prefix = environment.prefix;
  request.subdir = conda::native_subdir();
  request.channel_alias = session.settings().value("channel_alias");
  HPCENV_ASSIGN(request.priority, priority_of(arguments, session.settings()));
  if (session.settings().value("solver") == "libsolv") request.method = solve::Method::search;
  if (arguments.has("offline")) {
    request.offline = index::IndexRequest::Offline::yes;
  }
  request.command_line = arguments.command_line();
  return request;
}

// Asks only a person: a job or a script that did not say -y made its choice by calling us.
bool confirmed(const Arguments& arguments, const Output& output) {
  if (arguments.has("yes") || output.json() || !output.stdin_is_terminal() ||
      !output.stderr_is_terminal()) {
    return true;
  }
  output.say("Create this environment? [Y/n] ");
  std::string answer;
  if (!std::getline(std::cin, answer)) {
    return false;
  }
  answer = base::to_lower(base::trim(answer));
  return answer.empty() || answer == "y" || answer == "yes";
}

void print_result(const ops::CreateDecision& decision, const ops::CreateReport& report,
                  const Arguments& arguments, const Output& output) {
  const std::string prefix = decision.plan.prefix.string();
  if (output.json()) {
    base::Json body;
    body["prefix"] = prefix;
    body["dry_run"] = false;
    body["plan"] = plan_to_json(decision);
    body["files"] = report.files;
    body["messages"] = report.messages;
    output.print_json(body, true);
    return;
  }
  for (const std::string& message : report.messages) {
    output.say(message + "\n");
  }
  const std::string which =
      arguments.has("prefix") ? "-p " + prefix : "-n " + decision.plan.prefix.filename().string();
  output.say(
      fmt::format("Created {}\nRun a program in it with: hpcenv run {} PROGRAM\n", prefix, which));
}

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  HPCENV_ASSIGN(const ops::CreateRequest request, request_of(arguments, session, locations));
  HPCENV_ASSIGN(const ops::Seams deciding, session.seams());
  HPCENV_ASSIGN(const ops::CreateOutcome outcome, ops::decide_create(request, locations, deciding));
  session.end_progress();
  if (const auto* conflict = std::get_if<solve::Conflict>(&outcome)) {
    return Failure(error_of(*conflict));
  }
  const auto& decision = std::get<ops::CreateDecision>(outcome);
  const Output& output = session.output();
  if (arguments.has("dry-run") && output.json()) {
    base::Json body;
    body["prefix"] = decision.plan.prefix.string();
    body["dry_run"] = true;
    body["plan"] = plan_to_json(decision);
    output.print_json(body, true);
    return 0;
  }
  if (!output.json()) {
    output.print(plan_text(decision, output));
    flush_stdout();
  }
  if (arguments.has("dry-run")) {
    output.say("Nothing was changed (--dry-run)\n");
    return 0;
  }
  if (!confirmed(arguments, output)) {
    return fail(ErrorKind::refused, "nothing was created: not confirmed");
  }
  prefix::LinkOptions link;
  link.environment = session.environment();
  link.tool = "hpcenv " HPCENV_VERSION;
  if (arguments.has("no-pyc")) {
    link.bytecode = prefix::LinkOptions::Bytecode::leave;
  }
  HPCENV_ASSIGN(const ops::Seams doing, session.seams());
  HPCENV_ASSIGN(const ops::CreateReport report,
                ops::carry_out_create(decision, link, locations, doing));
  session.end_progress();
  print_result(decision, report, arguments, output);
  return 0;
}

}  // namespace

constexpr CommandSpec create_command{
    .name = "create",
    .summary = "make a new environment",
    .synopsis = "(-n NAME | -p PREFIX) [-c CHANNEL]... [-f FILE] [--recipe NAME] [SPEC...]",
    .details =
        "Packages are chosen for this machine: its glibc, processor and NVIDIA driver. To choose "
        "for\n"
        "another one, set CONDA_OVERRIDE_CUDA, CONDA_OVERRIDE_CUDA_ARCH, CONDA_OVERRIDE_GLIBC.\n"
        "The environment appears at once when it is whole; until then, nothing is there.",
    .operands = CommandSpec::Operands::some,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(create_command));

}  // namespace hpcenv::cli
