#include "cli/commands/target_words.hpp"

#include "host/configuration_folders.hpp"
#include "host/target.hpp"

namespace hpcenv::cli {

Result<std::string> target_name(const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.operands();
  if (words.size() != 1) {
    return fail_hint(ErrorKind::usage,
                     words.empty() ? "no target is named" : "one target at a time is named",
                     "list those that there are with: hpcenv target list");
  }
  HPCENV_TRY(host::check_target_name(words.front()));
  return words.front();
}

Result<std::filesystem::path> own_targets(const base::Environment& environment) {
  const std::filesystem::path own = host::user_configuration(environment);
  if (own.empty()) {
    return fail_hint(ErrorKind::usage, "no HOME says where your targets lie",
                     "set HOME or XDG_CONFIG_HOME");
  }
  return own / "targets";
}

}  // namespace hpcenv::cli
