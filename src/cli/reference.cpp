#include "cli/reference.hpp"

#include <string_view>

#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/settings.hpp"

namespace hpcenv::cli {
namespace {

// A bar would end a table's cell.
std::string cell(std::string_view text) { return base::replace_all(std::string(text), "|", "\\|"); }

std::string anchor(std::string_view name) {
  return "hpcenv-" + base::replace_all(std::string(name), " ", "-");
}

std::string option_table(std::span<const OptionSpec> options) {
  std::string text = "| option | meaning |\n|---|---|\n";
  for (const OptionSpec& option : options) {
    const std::string flags = base::replace_all(option.flags, ",", ", ");
    const std::string value = *option.value == '\0' ? "" : std::string(" ") + option.value;
    text += fmt::format("| `{}{}` | {} |\n", cell(flags), cell(value), cell(option.help));
  }
  return text;
}

std::string command_section(const CommandSpec& command) {
  std::string text = fmt::format("\n## hpcenv {}\n\n{}.\n\n```\nhpcenv {} {}\n```\n", command.name,
                                 command.summary, command.name, command.synopsis);
  if (*command.details != '\0') {
    text += fmt::format("\n{}\n", command.details);
  }
  if (!command.options.empty()) {
    text += "\n" + option_table(command.options);
  }
  text += "\n```sh\n";
  for (const char* example : command.examples) {
    text += fmt::format("{}\n", example);
  }
  return text + "```\n";
}

std::string settings_section() {
  std::string text =
      "\n## Settings\n\n"
      "From files, then from variables, then from options; later ones win, and lists of files add "
      "up with the later file's\n"
      "items first. Files, in this order: `.condarc`, `condarc` and `condarc.d/*.yml` in "
      "`/etc/conda` and `/var/lib/conda`;\n"
      "`/etc/hpcenv/config.yml`; `$HPCENV_SITE/config.yml`; those of conda in "
      "`$XDG_CONFIG_HOME/conda`, `~/.config/conda`,\n"
      "`~/.conda`; `~/.condarc`; `~/.mambarc`; `~/.config/hpcenv/config.yml`; those in the active "
      "environment; `$CONDARC`;\n"
      "`$MAMBARC`. Each key can be given as the variable `HPCENV_KEY` too, those of conda also as "
      "`CONDA_KEY`.\n\n"
      "| key | says | default |\n|---|---|---|\n";
  for (const SettingSpec& spec : all_settings()) {
    const std::string initial =
        *spec.initial == '\0' ? "" : fmt::format("`{}`", cell(spec.initial));
    text += fmt::format("| `{}` | {} | {} |\n", spec.key, cell(spec.help), initial);
  }
  return text;
}

constexpr std::string_view exit_codes = R"(
## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 1 | the answer is no: conflict, unknown package, a failed check, nothing found, input that is refused |
| 2 | the command line or a spec cannot be read |
| 3 | network or disk; trying again may help |
| 70 | a defect of hpcenv |
| 130, 143 | interrupted by Ctrl-C, by SIGTERM |

`run` and jobs hand on the program's code; failures of hpcenv itself are 125, a program that cannot be executed 126, one that
is not found 127.
)";

}  // namespace

std::string reference_page() {
  std::string text =
      "# Command line\n\n"
      "Made from the program's own tables by `hpcenv help --markdown`; a test keeps it current.\n\n"
      "| command | what it does |\n|---|---|\n";
  for (const CommandSpec* command : all_commands()) {
    text += fmt::format("| [`{}`](#{}) | {} |\n", command->name, anchor(command->name),
                        cell(command->summary));
  }
  text += "\n## Options of every command\n\n" + option_table(common_options());
  for (const CommandSpec* command : all_commands()) {
    text += command_section(*command);
  }
  return text + settings_section() + std::string(exit_codes);
}

}  // namespace hpcenv::cli
