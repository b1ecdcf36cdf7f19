#include "cli/help.hpp"

#include <algorithm>
#include <string_view>

#include "base/text.hpp"

namespace hpcenv::cli {
namespace {

std::string option_label(const OptionSpec& option) {
  std::string label = base::replace_all(option.flags, ",", ", ");
  if (!label.starts_with("-") || label.starts_with("--")) {
    label = "    " + label;
  }
  if (*option.value != '\0') {
    label += std::string(" ") + option.value;
  }
  return label;
}

std::string option_lines(std::span<const OptionSpec> options) {
  std::size_t width = 0;
  for (const OptionSpec& option : options) {
    width = std::max(width, option_label(option).size());
  }
  std::string text;
  for (const OptionSpec& option : options) {
    text += fmt::format("  {:<{}}  {}\n", option_label(option), width, option.help);
  }
  return text;
}

std::string command_lines(std::string_view group) {
  std::size_t width = 0;
  for (const CommandSpec* command : all_commands()) {
    width = std::max(width, std::string_view(command->name).size());
  }
  std::string text;
  for (const CommandSpec* command : all_commands()) {
    if (group.empty() || std::string_view(command->name).starts_with(std::string(group) + " ")) {
      text += fmt::format("  {:<{}}  {}\n", command->name, width, command->summary);
    }
  }
  return text;
}

}  // namespace

std::string program_help() {
  return "hpcenv: conda environments that are known to run on the nodes of your jobs\n\n"
         "Usage: hpcenv COMMAND [OPTIONS]\n\nCommands:\n" +
         command_lines("") + "\nOptions of every command:\n" + option_lines(common_options()) +
         "\nExamples:\n"
         "  hpcenv create -n work --recipe python numpy\n"
         "  hpcenv doctor -n work\n"
         "  hpcenv slurm submit -n work --time 10 -- python train.py\n"
         "\n`hpcenv COMMAND --help` shows the options and examples of a command.\n";
}

std::string command_help(const CommandSpec& command) {
  std::string text = fmt::format("hpcenv {}: {}\n\nUsage: hpcenv {} {}\n", command.name,
                                 command.summary, command.name, command.synopsis);
  if (*command.details != '\0') {
    text += fmt::format("\n{}\n", command.details);
  }
  if (!command.options.empty()) {
    text += "\nOptions:\n" + option_lines(command.options);
  }
  text += "\nOptions of every command:\n" + option_lines(common_options()) + "\nExamples:\n";
  for (const char* example : command.examples) {
    text += fmt::format("  {}\n", example);
  }
  return text;
}

std::string group_help(const std::string& group) {
  return fmt::format("Usage: hpcenv {} COMMAND\n\nCommands:\n", group) + command_lines(group);
}

}  // namespace hpcenv::cli
