#include "cli/command.hpp"

#include <array>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"

namespace hpcenv::cli {

std::string Arguments::value(std::string_view key, std::string_view fallback) const {
  const auto found = values_.find(key);
  return found == values_.end() || found->second.empty() ? std::string(fallback)
                                                         : found->second.back();
}

std::vector<std::string> Arguments::values(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? std::vector<std::string>{} : found->second;
}

void Arguments::set_words(std::vector<std::string> words) {
  command_line_ = base::join(words, " ");
  words_ = std::move(words);
}

void Arguments::add(std::string key, std::vector<std::string> values) {
  values_[std::move(key)] = std::move(values);
}

std::span<const CommandSpec* const> all_commands() {
  static constexpr std::array commands{
      &create_command,         &install_command,        &update_command,
      &remove_command,         &list_command,           &search_command,
      &clean_command,          &verify_command,         &run_command,
      &activate_command,       &deactivate_command,     &shell_hook_command,
      &shell_command,          &init_command,           &wrap_command,
      &modulefile_command,     &kernel_install_command, &kernel_list_command,
      &kernel_remove_command,  &env_list_command,       &env_export_command,
      &env_remove_command,     &config_command,         &info_command,
      &recipes_command,        &test_command,           &probe_command,
      &target_add_command,     &target_list_command,    &target_show_command,
      &target_refresh_command, &target_remove_command,  &doctor_command,
      &slurm_site_command,     &slurm_script_command,   &slurm_submit_command,
      &slurm_run_command,      &slurm_shell_command,    &image_build_command,
      &image_push_command,     &image_pull_command,     &image_compose_command,
      &image_inspect_command,  &version_command,
  };
  return commands;
}

std::span<const OptionSpec> common_options() {
  static constexpr std::array options{
      OptionSpec{"-r,--root-prefix", "DIR",
                 "where environments and packages lie (default: $HPCENV_ROOT)"},
      OptionSpec{"--no-rc", "", "do not read .condarc files", OptionSpec::Kind::flag},
      OptionSpec{"--jobs", "N", "threads at work (default: what this process may use)"},
      OptionSpec{"--json", "", "print one JSON object on stdout", OptionSpec::Kind::flag},
      OptionSpec{"-q,--quiet", "", "no progress, only warnings and errors", OptionSpec::Kind::flag},
      OptionSpec{"-v,--verbose", "", "say more of what is done", OptionSpec::Kind::flag},
      OptionSpec{"-h,--help", "", "show this help", OptionSpec::Kind::flag},
  };
  return options;
}

std::string key_of(const OptionSpec& option) {
  for (std::string_view flag : base::split(option.flags, ',')) {
    if (flag.starts_with("--")) {
      return std::string(flag.substr(2));
    }
  }
  return std::string(base::trim(option.flags));
}

}  // namespace hpcenv::cli
