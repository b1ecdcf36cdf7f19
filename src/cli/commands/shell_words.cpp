#include "cli/commands/shell_words.hpp"

#include <system_error>

#include "base/fs.hpp"

namespace hpcenv::cli {
namespace {

constexpr const char* known_shells = "bash, zsh, fish, tcsh, csh, and posix for sh, dash and ksh";

}  // namespace

Result<shell::Dialect> dialect_named(const std::string& name) {
  if (const auto dialect = shell::dialect_of(name)) {
    return *dialect;
  }
  return fail_hint(
      ErrorKind::usage, fmt::format("hpcenv knows no shell '{}'", name),
      fmt::format("these work: {}; in any other: hpcenv run -n NAME PROGRAM", known_shells));
}

std::string login_shell(const Session& session) {
  const std::string shell = session.environment().get_or("SHELL", "");
  const std::string name = shell.substr(shell.rfind('/') + 1);
  return shell::dialect_of(name) ? name : "bash";
}

std::filesystem::path own_path() {
  std::error_code failure;
  const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/exe", failure);
  return !failure && base::path_exists(own) ? own : std::filesystem::path();
}

shell::PromptFormat prompt_format(const Session& session) {
  if (!session.settings().flag("changeps1")) return std::nullopt;
  return session.settings().value("env_prompt");
}

}  // namespace hpcenv::cli
