#include "cli/commands/change_options.hpp"

#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "base/parallel.hpp"
#include "base/text.hpp"
#include "cli/ask.hpp"
#include "cli/commands/named_environment.hpp"
#include "cli/error_report.hpp"
#include "cli/render.hpp"
#include "conda/timestamp.hpp"
#include "prefix/state.hpp"

namespace hpcenv::cli {
namespace {

/// How long another writer of the same environment is waited for.
constexpr std::chrono::seconds lock_patience = prefix::patient_wait;

Result<solve::ChannelPriority> priority_of(const Settings& settings) {
  const std::string& text = settings.value("channel_priority");
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

/// The platform that decides the selectors of files. What cannot be read of the environment is said
/// when it is changed.
Result<std::string> subdir_for_files(const ops::ChangeRequest& request, const Session& session) {
  ops::MachineRequest machine = request.machine;
  if (machine.subdir.empty() && machine.target.empty() && !request.prefix.empty()) {
    const auto state = prefix::read_state(request.prefix, prefix::Detail::without_paths);
    if (state.has_value()) machine.installed_subdir = ops::installed_subdir(*state);
  }
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  return ops::subdir_meant(machine, locations, session.environment());
}

Result<ops::Wishes> wishes_of(const ops::ChangeRequest& request, const Arguments& arguments,
                              const Session& session) {
  ops::WishInput input;
  input.specs = arguments.operands();
  input.channels = arguments.values("channel");
  input.default_channels = session.settings().list("channels");
  if (arguments.has("override-channels")) {
    if (!session.settings().flag("override_channels_enabled")) {
      return fail(ErrorKind::refused,
                  "--override-channels is switched off by override_channels_enabled (from {})",
                  session.settings().setting("override_channels_enabled").source);
    }
    input.override_channels = ops::WishInput::OverrideChannels::yes;
  }
  input.files = arguments.values("file");
  input.recipes = arguments.values("recipe");
  if (arguments.has("no-pip")) {
    input.pip = ops::WishInput::Pip::leave_out;
  }
  HPCENV_ASSIGN(input.rules, session.channel_rules());
  input.environment = session.environment();
  if (!input.files.empty()) {
    HPCENV_ASSIGN(input.subdir, subdir_for_files(request, session));
  }
  HPCENV_ASSIGN(ops::Wishes wishes, ops::gather_wishes(input));
  const std::vector<std::string>& always = session.settings().list("create_default_packages");
  if (request.action != ops::Action::create || !wishes.packages.empty() || always.empty()) {
    return wishes;
  }
  input.specs.insert(input.specs.end(), always.begin(), always.end());
  return ops::gather_wishes(input);
}

Result<ops::ChoiceRules> rules_of(const Arguments& arguments, const Session& session) {
  using Rules = ops::ChoiceRules;
  Rules rules;
  HPCENV_ASSIGN(rules.priority, priority_of(session.settings()));
  rules.channel_alias = session.settings().value("channel_alias");
  if (session.settings().value("solver") == "libsolv") {
    rules.method = solve::Method::search;
  }
  if (session.settings().flag("offline")) {
    rules.offline = index::IndexRequest::Offline::yes;
  }
  if (const std::string& date = session.settings().value("exclude_newer"); !date.empty()) {
    HPCENV_ASSIGN(rules.exclude_newer, conda::parse_exclude_newer(date, session.clock().now()));
  }
  rules.index_fresh_seconds = session.index_fresh_seconds();
  rules.pinned_packages = session.settings().list("pinned_packages");
  rules.disallowed_packages = session.settings().list("disallowed_packages");
  if (session.settings().flag("add_pip_as_python_dependency")) {
    rules.add_pip = Rules::AddPip::yes;
  }
  if (arguments.has("no-pin")) {
    rules.pins = Rules::Pins::ignore;
  }
  if (arguments.has("no-py-pin")) {
    rules.python_pin = Rules::Pins::ignore;
  }
  if (arguments.has("freeze-installed")) {
    rules.installed = Rules::Installed::frozen;
  }
  return rules;
}

Result<ops::Select> selection_of(const Arguments& arguments) {
  if (arguments.has("no-deps") && arguments.has("only-deps")) {
    return fail_hint(ErrorKind::usage, "--no-deps and --only-deps leave nothing to install",
                     "give one of them");
  }
  if (arguments.has("no-deps")) {
    return ops::Select::without_dependencies;
  }
  return arguments.has("only-deps") ? ops::Select::only_dependencies : ops::Select::all;
}

prefix::LinkOptions link_of(const Arguments& arguments, const Session& session) {
  prefix::LinkOptions link;
  link.environment = session.environment();
  link.tool = "hpcenv " HPCENV_VERSION;
  link.jobs = base::available_processors();
  if (session.settings().flag("always_copy")) {
    link.files = prefix::LinkOptions::Files::copy;
  }
  if (arguments.has("no-pyc")) {
    link.bytecode = prefix::LinkOptions::Bytecode::leave;
  }
  return link;
}

void set_checks(ops::ChangeRequest& request, const Settings& settings) {
  if (settings.flag("extra_safety_checks")) {
    request.cache_check = packages::CacheCheck::all;
  }
  const std::string& checks = settings.value("safety_checks");
  if (checks == "warn") {
    request.safety = packages::SafetyChecks::warn;
  }
  if (checks == "disabled") {
    request.safety = packages::SafetyChecks::disabled;
  }
}

/// Asks only a person: a job or a script that did not say -y made its choice by calling us.
bool asks(const Session& session) {
  const Output& output = session.output();
  return !session.settings().flag("always_yes") && !output.json() && output.stdin_is_terminal() &&
         output.stderr_is_terminal();
}

bool agree(const ops::ChangeDecision& decision, const Arguments& arguments, Session& session) {
  const Output& output = session.output();
  session.end_progress();
  if (!output.json() && !arguments.has("quiet")) {
    output.print(decision.kept.empty() ? plan_text(decision, output) : kept_text(decision));
    flush_stdout();
  }
  if (!asks(session)) {
    return true;
  }
  const auto answer =
      ask(decision.action == ops::Action::create ? "Create this environment? [Y/n] "
                                                 : "Change the environment so? [Y/n] ",
          output);
  return answer.has_value() && (answer->empty() || *answer == "y" || *answer == "yes");
}

void print_json(const ops::ChangeDone& done, const Output& output) {
  base::Json body;
  body["action"] = ops::name_of(done.decision.action);
  body["prefix"] = done.decision.plan.prefix.string();
  body["dry_run"] = done.end == ops::ChangeDone::End::dry_run;
  body["changed"] = done.end == ops::ChangeDone::End::done;
  body["plan"] = plan_to_json(done.decision);
  body["files"] = done.report.files;
  body["bytes"] = done.report.bytes;
  body["messages"] = done.report.messages;
  body["kept"] = done.report.kept;
  output.print_json(body, true);
}

void print_text(const ops::ChangeDone& done, const Arguments& arguments, const Output& output) {
  using End = ops::ChangeDone::End;
  for (const std::string& message : done.report.messages) {
    output.say(message + "\n");
  }
  if (arguments.has("quiet")) {
    return;
  }
  if (done.end == End::nothing_to_do) {
    output.print(notes_text(done.decision, output));
    flush_stdout();
  }
  if (done.end == End::dry_run) {
    output.print(plan_text(done.decision, output));
    flush_stdout();
    output.say("Nothing was changed (--dry-run)\n");
    return;
  }
  output.say(end_text(done, arguments.has("prefix") ? NamedBy::prefix : NamedBy::name));
}

}  // namespace

prefix::LockRequest::Missing missing_lock(const Session& session) {
  using Missing = prefix::LockRequest::Missing;
  return session.settings().flag("no_lock") ? Missing::ignore : Missing::refuse;
}

Result<ops::EnvironmentRef> environment_to_change(const Arguments& arguments,
                                                  const Session& session,
                                                  const ops::Locations& locations) {
  const bool is_named = arguments.has("name") || arguments.has("prefix");
  const std::string active = session.environment().get_or("CONDA_PREFIX", "");
  if (!is_named && !active.empty()) {
    return ops::existing_environment(locations, "", active);
  }
  return named_environment(arguments, locations);
}

Result<ops::ChangeRequest> change_of_environment(ops::Action action, const Arguments& arguments,
                                                 Session& session,
                                                 const ops::Locations& locations) {
  HPCENV_ASSIGN(const ops::EnvironmentRef environment,
                environment_to_change(arguments, session, locations));
  return change_request_of(action, arguments, session, environment.prefix);
}

Result<ops::ChangeRequest> change_request_of(ops::Action action, const Arguments& arguments,
                                             Session& session,
                                             const std::filesystem::path& prefix) {
  ops::ChangeRequest request;
  request.action = action;
  request.prefix = prefix;
  request.machine.target = arguments.value("on");
  request.machine.subdir = session.settings().value("subdir");
  if (action == ops::Action::remove) {
    HPCENV_ASSIGN(request.wishes, ops::wishes_for(arguments.operands()));
  } else {
    HPCENV_ASSIGN(request.wishes, wishes_of(request, arguments, session));
  }
  for (const std::string& warning : request.wishes.warnings) {
    session.reporter().warning(warning);
  }
  HPCENV_ASSIGN(request.rules, rules_of(arguments, session));
  HPCENV_ASSIGN(request.select, selection_of(arguments));
  if (arguments.has("override-frozen") || !session.settings().flag("protect_frozen_envs")) {
    request.frozen = ops::ChangeRequest::Frozen::override_it;
  }
  if (arguments.has("dry-run")) {
    request.run = ops::ChangeRequest::Run::dry;
  }
  request.link = link_of(arguments, session);
  if (!session.settings().flag("register_envs")) {
    request.registration = ops::ChangeRequest::Register::no;
  }
  set_checks(request, session.settings());
  request.lock.purpose = fmt::format("hpcenv {}", ops::name_of(action));
  request.lock.wait = lock_patience;
  request.lock.missing = missing_lock(session);
  request.command_line = arguments.command_line();
  request.words = arguments.words();
  return request;
}

Result<int> run_change(const ops::ChangeRequest& request, const Arguments& arguments,
                       Session& session, const ops::Locations& locations) {
  HPCENV_ASSIGN(const ops::Seams seams, session.seams());
  HPCENV_ASSIGN(const ops::ChangeOutcome outcome,
                ops::change(request, locations, seams, [&](const ops::ChangeDecision& decision) {
                  return agree(decision, arguments, session);
                }));
  session.end_progress();
  if (const auto* conflict = std::get_if<solve::Conflict>(&outcome)) {
    return Failure(error_of(*conflict));
  }
  const auto& done = std::get<ops::ChangeDone>(outcome);
  if (done.end == ops::ChangeDone::End::declined) {
    HPCENV_TRY(base::check_interrupt());
    return fail(ErrorKind::refused, "nothing was changed: not confirmed");
  }
  if (session.output().json()) {
    print_json(done, session.output());
  } else {
    print_text(done, arguments, session.output());
  }
  return 0;
}

}  // namespace hpcenv::cli
