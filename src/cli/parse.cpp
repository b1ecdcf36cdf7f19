#include "cli/parse.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <list>

#include "base/text.hpp"
#include "cli/foreign_options.hpp"

namespace hpcenv::cli {
namespace {

struct Slot {
  const OptionSpec* spec;
  CLI::Option* option;
  std::vector<std::string> values;
  bool flag = false;
};

void add_option(CLI::App& app, const OptionSpec& spec, std::list<Slot>& slots) {
  Slot& slot = slots.emplace_back(Slot{&spec, nullptr, {}, false});
  if (spec.kind == OptionSpec::Kind::flag) {
    slot.option = app.add_flag(spec.flags, slot.flag);
    return;
  }
  slot.option = app.add_option(spec.flags, slot.values)->expected(1)->allow_extra_args(false);
  slot.option->multi_option_policy(spec.kind == OptionSpec::Kind::many
                                       ? CLI::MultiOptionPolicy::TakeAll
                                       : CLI::MultiOptionPolicy::TakeLast);
}

Error usage_error(const CommandSpec& command, std::string message) {
  return Error{ErrorKind::usage,
               std::move(message),
               {},
               {fmt::format("see: hpcenv {} --help", command.name)}};
}

// An option that CLI11 does not know comes back among the remaining words.
Result<> check_remaining(const CommandSpec& command, const std::vector<std::string>& remaining,
                         const std::list<Slot>& slots) {
  for (const std::string& word : remaining) {
    if (word.size() < 2 || word[0] != '-') {
      continue;
    }
    Error error =
        usage_error(command, fmt::format("hpcenv {} has no option '{}'", command.name, word));
    if (const std::string_view instead = instead_of(command.name, word); !instead.empty()) {
      error.hints.emplace(error.hints.begin(), instead);
      return Failure(std::move(error));
    }
    std::vector<std::string> known;
    for (const Slot& slot : slots) {
      known.push_back("--" + key_of(*slot.spec));
    }
    if (auto nearest = base::nearest_words(word, known, 2); !nearest.empty()) {
      error.hints.insert(error.hints.begin(), "did you mean: " + base::join(nearest, ", "));
    }
    return Failure(std::move(error));
  }
  if (command.operands == CommandSpec::Operands::none && !remaining.empty()) {
    Error error = usage_error(
        command, fmt::format("hpcenv {} takes no argument '{}'", command.name, remaining[0]));
    const bool has_name =
        std::ranges::any_of(slots, [](const Slot& slot) { return key_of(*slot.spec) == "name"; });
    if (has_name) {
      error.hints.insert(
          error.hints.begin(),
          fmt::format("an environment is named so: hpcenv {} -n {}", command.name, remaining[0]));
    }
    return Failure(std::move(error));
  }
  return {};
}

Arguments collect(const std::list<Slot>& slots) {
  Arguments arguments;
  for (const Slot& slot : slots) {
    if (slot.option->count() > 0) {
      arguments.add(key_of(*slot.spec), slot.values);
    }
  }
  return arguments;
}

}  // namespace

Result<Arguments> parse_arguments(const CommandSpec& command,
                                  const std::vector<std::string>& words) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  // A program's own options are not ours: the first operand ends what we read, and so does "--".
  app.prefix_command(command.operands == CommandSpec::Operands::program);
  std::list<Slot> slots;
  for (const OptionSpec& option : common_options()) {
    add_option(app, option, slots);
  }
  for (const OptionSpec& option : command.options) {
    add_option(app, option, slots);
  }
  std::vector<std::string> operands;
  std::vector<std::string> ours = words;
  const auto dashes = std::ranges::find(ours, "--");
  std::vector<std::string> after(dashes == ours.end() ? dashes : dashes + 1, ours.end());
  ours.erase(dashes, ours.end());
  try {
    std::ranges::reverse(ours);
    app.parse(ours);
  } catch (const CLI::ParseError& error) {
    return Failure(usage_error(command, error.what()));
  }
  operands = app.remaining();
  if (command.operands != CommandSpec::Operands::program ||
      (!operands.empty() && operands[0].starts_with('-'))) {
    HPCENV_TRY(check_remaining(command, operands, slots));
  }
  operands.insert(operands.end(), after.begin(), after.end());
  Arguments arguments = collect(slots);
  arguments.set_operands(std::move(operands));
  return arguments;
}

}  // namespace hpcenv::cli
