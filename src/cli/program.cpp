#include "cli/program.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "base/parallel.hpp"
#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/commands/target_slurm.hpp"
#include "cli/error_report.hpp"
#include "cli/help.hpp"
#include "cli/parse.hpp"
#include "cli/reference.hpp"
#include "cli/session.hpp"

namespace hpcenv::cli {
namespace {

struct Found {
  const CommandSpec* command = nullptr;
  std::size_t words = 0;  ///< of argv that name it
};

std::optional<Found> find_command(const std::vector<std::string>& words) {
  for (const std::size_t count : {std::size_t{2}, std::size_t{1}}) {
    if (words.size() < count) {
      continue;
    }
    const std::string name = count == 2 ? words[0] + " " + words[1] : words[0];
    for (const CommandSpec* command : all_commands()) {
      if (name == command->name) {
        return Found{command, count};
      }
    }
  }
  return std::nullopt;
}

bool is_group(const std::string& word) {
  return std::ranges::any_of(all_commands(), [&](const CommandSpec* command) {
    return std::string_view(command->name).starts_with(word + " ");
  });
}

// What conda and mamba call otherwise.
struct Elsewhere {
  const char* typed;
  const char* type_instead;
};
constexpr auto elsewhere = std::to_array<Elsewhere>({
    {"uninstall", "hpcenv remove -n NAME PACKAGE"},
    {"upgrade", "hpcenv update -n NAME PACKAGE"},
    {"conda", "hpcenv COMMAND, without that word"},
    {"mamba", "hpcenv COMMAND, without that word"},
    {"micromamba", "hpcenv COMMAND, without that word"},
    {"envs", "hpcenv env list"},
    {"rename", "hpcenv env export -n OLD -e -f old.txt, then hpcenv create -n NEW -f old.txt"},
    {"clone", "hpcenv env export -n OLD -e -f old.txt, then hpcenv create -n NEW -f old.txt"},
    {"compare", "hpcenv env export -n NAME | diff - environment.yml"},
    {"env config", "hpcenv update -n NAME -f FILE.yml, with `variables:` in that file"},
    {"source", "hpcenv activate NAME"},
    {"build", "conda-build or rattler-build; then hpcenv install -c PATH"},
    {"env create", "hpcenv create -n NAME -f environment.yml"},
    {"env update", "hpcenv update -n NAME -f environment.yml"},
    {"export", "hpcenv env export -n NAME"},
    {"repoquery", "hpcenv search SPEC --info"},
    {"ps", "hpcenv run -n NAME PROGRAM: the program takes hpcenv's place, ps shows it"},
    {"self-update", "copy the new file over the old one"},
});

Error unknown_command(const std::string& typed) {
  for (const Elsewhere& other : elsewhere) {
    if (typed == other.typed) {
      return Error{ErrorKind::usage,
                   fmt::format("hpcenv has no command '{}'", typed),
                   {},
                   {fmt::format("type instead: {}", other.type_instead)}};
    }
  }
  std::set<std::string> known;
  for (const CommandSpec* command : all_commands()) {
    known.insert(command->name);
    known.insert(std::string(base::split(command->name, ' ')[0]));
  }
  Error error{ErrorKind::usage, fmt::format("hpcenv has no command '{}'", typed), {}, {}};
  if (auto nearest = base::nearest_words(typed, {known.begin(), known.end()}, 3);
      !nearest.empty()) {
    error.hints.push_back("did you mean: " + base::join(nearest, ", "));
  }
  error.hints.emplace_back("list all commands with: hpcenv --help");
  return error;
}

// `hpcenv help`, with the name of a command behind it.
int help_for(const std::vector<std::string>& words, const Output& output) {
  const std::vector<std::string> asked(words.begin() + 1, words.end());
  if (const auto found = find_command(asked)) {
    output.print(command_help(*found->command));
    return 0;
  }
  if (asked.empty() || asked[0] == "--markdown") {
    output.print(asked.empty() ? program_help() : reference_page());
    return 0;
  }
  if (is_group(asked[0])) {
    output.print(group_help(asked[0]));
    return 0;
  }
  return report_error(unknown_command(asked[0]), output);
}

// What is typed before a command was recognised, or instead of one.
int without_command(const std::vector<std::string>& words, const Output& output) {
  if (words.empty()) {
    output.print(program_help());
    return exit_code_of(ErrorKind::usage);
  }
  if (words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    return help_for(words, output);
  }
  const bool in_group = is_group(words[0]);
  if (in_group && (words.size() == 1 || words[1].starts_with('-'))) {
    const bool asked = words.size() > 1 && (words[1] == "--help" || words[1] == "-h");
    output.print(group_help(words[0]));
    return asked ? 0 : exit_code_of(ErrorKind::usage);
  }
  return report_error(unknown_command(in_group ? words[0] + " " + words[1] : words[0]), output);
}

bool wants_json(const std::vector<std::string>& words) {
  const auto end = std::ranges::find(words, "--");
  return std::find(words.begin(), end, "--json") != end;
}

Verbosity verbosity_of(const Arguments& arguments) {
  if (arguments.has("quiet")) {
    return Verbosity::quiet;
  }
  return arguments.has("verbose") ? Verbosity::verbose : Verbosity::normal;
}

// Options that say what a setting says: they are its last layer, so commands read settings only.
struct SettingOption {
  const char* option;
  const char* key;
};
constexpr std::array setting_options{
    SettingOption{"root-prefix", "root"},
    SettingOption{"jobs", "jobs"},
    SettingOption{"offline", "offline"},
    SettingOption{"channel-priority", "channel_priority"},
    SettingOption{"exclude-newer", "exclude_newer"},
    SettingOption{"platform", "subdir"},
    SettingOption{"no-lock", "no_lock"},
    SettingOption{"always-copy", "always_copy"},
    SettingOption{"yes", "always_yes"},
};

Result<> apply_options(const Arguments& arguments, Settings& settings) {
  for (const SettingOption& option : setting_options) {
    if (!arguments.has(option.option)) {
      continue;
    }
    const conda::RcKey& key = *conda::find_rc_key(option.key);
    auto value = conda::parse_rc_value(
        key, key.kind == conda::RcKind::boolean ? "true" : arguments.value(option.option),
        fmt::format("--{}", option.option));
    if (!value) {
      value.error().kind = ErrorKind::usage;
      return Failure(std::move(value).error());
    }
    if (settings.setting(key.name).is_final()) {
      return fail(ErrorKind::refused, "--{} has no effect: {} is final in {}", option.option,
                  key.name, settings.setting(key.name).source);
    }
    settings.set(key.name, *std::move(value), "option");
  }
  return {};
}

Result<int> run_command(const CommandSpec& command, const Arguments& arguments,
                        const base::Environment& environment, const Output& output) {
  HPCENV_ASSIGN(
      Settings settings,
      load_settings(environment, arguments.has("no-rc") ? RcFiles::ignore : RcFiles::read));
  HPCENV_TRY(apply_options(arguments, settings));
  base::ask_for_processors(static_cast<std::size_t>(settings.number("jobs").value_or(0)));
  Session session(environment, std::move(settings), output, verbosity_of(arguments));
  if (arguments.has("on")) pick_up_targets(session);
  return command.run(arguments, session);
}

// A job wrapper's own failures have codes that a program's seldom are (design.md section 5).
int exit_code_for(const CommandSpec& command, const Error& error) {
  if (error.kind == ErrorKind::usage || error.kind == ErrorKind::interrupted ||
      error.kind == ErrorKind::terminated || command.failure_code == 0) {
    return exit_code_of(error.kind);
  }
  return command.failure_code;
}

}  // namespace

int run_program(const std::vector<std::string>& words, const base::Environment& environment) {
  const auto found = find_command(words);
  Output output(environment, wants_json(words) ? Output::Format::json : Output::Format::text);
  if (words.size() == 1 && (words[0] == "--version" || words[0] == "-V")) {
    output.print("hpcenv " HPCENV_VERSION "\n");
    return 0;
  }
  if (!found) {
    return without_command(words, output);
  }
  const CommandSpec& command = *found->command;
  auto arguments = parse_arguments(
      command, std::vector<std::string>(words.begin() + static_cast<std::ptrdiff_t>(found->words),
                                        words.end()));
  if (!arguments) {
    return report_error(arguments.error(), output);
  }
  if (!arguments->has("json")) {
    output = Output(environment, Output::Format::text);
  }
  if (arguments->has("help")) {
    output.print(command_help(command));
    return 0;
  }
  std::vector<std::string> line{"hpcenv"};
  line.insert(line.end(), words.begin(), words.end());
  arguments->set_words(std::move(line));
  const Result<int> code = run_command(command, *arguments, environment, output);
  if (!code) {
    report_error(code.error(), output);
    return exit_code_for(command, code.error());
  }
  if (!flush_stdout()) {
    return report_error(Error{ErrorKind::io, "cannot write to stdout", {}, {}},
                        Output(environment, Output::Format::text));
  }
  return *code;
}

}  // namespace hpcenv::cli
