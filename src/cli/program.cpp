#include "cli/program.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/error_report.hpp"
#include "cli/help.hpp"
#include "cli/parse.hpp"
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

Error unknown_command(const std::string& word) {
  std::set<std::string> known;
  for (const CommandSpec* command : all_commands()) {
    known.insert(command->name);
    known.insert(std::string(base::split(command->name, ' ')[0]));
  }
  Error error{ErrorKind::usage, fmt::format("hpcenv has no command '{}'", word), {}, {}};
  if (auto nearest = base::nearest_words(word, {known.begin(), known.end()}, 3); !nearest.empty()) {
    error.hints.push_back("did you mean: " + base::join(nearest, ", "));
  }
  error.hints.emplace_back("list all commands with: hpcenv --help");
  return error;
}

// What is typed before a command was recognised, or instead of one.
int without_command(const std::vector<std::string>& words, const Output& output) {
  if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    output.print(program_help());
    return words.empty() ? exit_code_of(ErrorKind::usage) : 0;
  }
  if (is_group(words[0])) {
    const bool asked = words.size() > 1 && (words[1] == "--help" || words[1] == "-h");
    output.print(group_help(words[0]));
    return asked ? 0 : exit_code_of(ErrorKind::usage);
  }
  return report_error(unknown_command(words[0]), output);
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

Result<int> run_command(const CommandSpec& command, const Arguments& arguments,
                        const base::Environment& environment, const Output& output) {
  HPCENV_ASSIGN(
      Settings settings,
      load_settings(environment, arguments.has("no-rc") ? RcFiles::ignore : RcFiles::read));
  if (arguments.has("root-prefix")) {
    settings.set("root", arguments.value("root-prefix"), "option");
  }
  Session session(environment, std::move(settings), output, verbosity_of(arguments));
  return command.run(arguments, session);
}

// A job wrapper's own failures have codes that a program's seldom are (design.md section 5).
int exit_code_for(const CommandSpec& command, const Error& error) {
  if (command.operands != CommandSpec::Operands::program || error.kind == ErrorKind::usage ||
      error.kind == ErrorKind::interrupted || error.kind == ErrorKind::terminated ||
      command.failure_code == 0) {
    return exit_code_of(error.kind);
  }
  return command.failure_code;
}

}  // namespace

int run_program(const std::vector<std::string>& words, const base::Environment& environment) {
  const auto found = find_command(words);
  Output output(environment, wants_json(words) ? Output::Format::json : Output::Format::text);
  if (words.size() == 1 && words[0] == "--version") {
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
  arguments->set_command_line("hpcenv " + base::join(words, " "));
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
