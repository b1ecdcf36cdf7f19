#include "ops/module_files.hpp"

#include <algorithm>
#include <system_error>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "ops/activate.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;

const char* system_of(shell::ModuleKind kind) {
  return kind == shell::ModuleKind::lmod ? "Lmod" : "environment-modules";
}

void tell(const ModuleText& text, base::Reporter& reporter) {
  for (const shell::RefusedVariable& one : text.file.refused) {
    reporter.warning(fmt::format("{} is left out of the file for {}, because {}", one.name,
                                 system_of(text.kind), one.reason));
  }
  for (const shell::RefusedVariable& one : text.file.in_some_shells) {
    reporter.warning(fmt::format("{} is set by the file for {} except where it cannot be: {}",
                                 one.name, system_of(text.kind), one.reason));
  }
}

void tell_of_scripts(const std::vector<std::string>& scripts, base::Reporter& reporter) {
  if (scripts.empty()) return;
  std::vector<std::string> names;
  names.reserve(scripts.size());
  for (const std::string& path : scripts) names.push_back(path.substr(path.rfind('/') + 1));
  reporter.warning(fmt::format(
      "a module cannot run activation scripts, so what these make is missing: {}; hpcenv run and "
      "hpcenv wrap run them",
      base::join(names, ", ")));
}

Result<> require_module_name(const std::string& name) {
  bool plain =
      !name.empty() && std::ranges::none_of(name, [](unsigned char c) { return c <= ' '; });
  for (const std::string_view part : base::split(name, '/')) {
    if (part.empty() || part.starts_with('.') || part.starts_with('-')) plain = false;
  }
  if (plain) return {};
  return fail_hint(ErrorKind::usage, fmt::format("'{}' cannot be the name of a module", name),
                   "write it as `module load` will know it: --module torch or --module envs/torch");
}

Result<> require_own(const fs::path& file) {
  if (!base::path_exists(file)) return {};
  std::error_code failure;
  const bool plain = fs::symlink_status(file, failure).type() == fs::file_type::regular;
  if (plain) {
    HPCENV_ASSIGN(const std::string text, base::read_file(file));
    if (shell::is_own_module_file(text)) return {};
  }
  return fail_hint(ErrorKind::refused,
                   fmt::format("{} is there already, and hpcenv did not write it", file.string()),
                   "choose another folder or --module NAME, or overwrite it with --force");
}

}  // namespace

Result<ModuleAnswer> module_texts(const EnvironmentRef& environment,
                                  const std::vector<shell::ModuleKind>& kinds,
                                  const Locations& locations, const LocalSeams& seams) {
  HPCENV_ASSIGN(const shell::Activation activation,
                activation_for(environment, ForNode::any, locations, seams));
  ModuleAnswer answer;
  for (const shell::ModuleKind kind : kinds) {
    HPCENV_ASSIGN(shell::ModuleFile file, shell::module_file(activation, kind));
    answer.modules.push_back({kind, std::move(file), {}});
    tell(answer.modules.back(), seams.reporter);
  }
  answer.live_scripts = activation.live_scripts;
  tell_of_scripts(answer.live_scripts, seams.reporter);
  return answer;
}

Result<> write_modules(ModuleAnswer& answer, const fs::path& folder, const std::string& name,
                       ForeignFile foreign) {
  HPCENV_TRY(require_module_name(name));
  for (ModuleText& module : answer.modules) {
    module.path = folder / (name + (module.kind == shell::ModuleKind::lmod ? ".lua" : ""));
    std::error_code failure;
    if (fs::is_directory(module.path, failure)) {
      return fail(ErrorKind::refused, "{} is a directory", module.path.string());
    }
    if (foreign == ForeignFile::keep) HPCENV_TRY(require_own(module.path));
  }
  for (const ModuleText& module : answer.modules) {
    HPCENV_TRY(base::make_directories(module.path.parent_path()));
    HPCENV_TRY(base::write_file(module.path, module.file.text));
  }
  return {};
}

std::string module_name_of(const EnvironmentRef& environment) {
  return environment.name.find('/') == std::string::npos ? environment.name
                                                         : environment.prefix.filename().string();
}

}  // namespace hpcenv::ops
