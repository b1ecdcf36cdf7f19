// The table rows; each is defined in the file of its command.
#pragma once

#include "cli/command.hpp"

namespace hpcenv::cli {

extern const CommandSpec create_command;
extern const CommandSpec install_command;
extern const CommandSpec update_command;
extern const CommandSpec remove_command;
extern const CommandSpec list_command;
extern const CommandSpec run_command;
extern const CommandSpec wrap_command;
extern const CommandSpec modulefile_command;
extern const CommandSpec kernel_install_command;
extern const CommandSpec kernel_list_command;
extern const CommandSpec kernel_remove_command;
extern const CommandSpec activate_command;
extern const CommandSpec deactivate_command;
extern const CommandSpec shell_hook_command;
extern const CommandSpec shell_command;
extern const CommandSpec init_command;
extern const CommandSpec env_list_command;
extern const CommandSpec env_export_command;
extern const CommandSpec env_remove_command;
extern const CommandSpec config_command;
extern const CommandSpec search_command;
extern const CommandSpec clean_command;
extern const CommandSpec verify_command;
extern const CommandSpec info_command;
extern const CommandSpec recipes_command;
extern const CommandSpec test_command;
extern const CommandSpec probe_command;
extern const CommandSpec target_add_command;
extern const CommandSpec target_list_command;
extern const CommandSpec target_show_command;
extern const CommandSpec target_remove_command;
extern const CommandSpec target_refresh_command;
extern const CommandSpec doctor_command;
extern const CommandSpec slurm_site_command;
extern const CommandSpec slurm_script_command;
extern const CommandSpec slurm_submit_command;
extern const CommandSpec slurm_run_command;
extern const CommandSpec slurm_shell_command;
extern const CommandSpec image_build_command;
extern const CommandSpec image_push_command;
extern const CommandSpec image_pull_command;
extern const CommandSpec image_compose_command;
extern const CommandSpec image_inspect_command;
extern const CommandSpec version_command;

}  // namespace hpcenv::cli
