// Real Lmod and real environment-modules in real shells; tests/shells/shell_tools.py unpacked them.
#pragma once

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "base/fs.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "shell/modulefile.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::shell {

using Variables = std::map<std::string, std::string, std::less<>>;

/// Where they were unpacked; empty where they were not.
inline std::string shell_tools() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  const char* folder = std::getenv("HPCENV_SHELL_TOOLS");
  return folder != nullptr && base::path_exists(std::string(folder) + "/versions") ? folder : "";
}

struct LoginShell {
  std::string name;  ///< of the program
  std::string init;  ///< the module system's file for it
  std::vector<std::string> options;
  bool is_csh() const { return init.ends_with("csh"); }
};
inline const std::vector<LoginShell> login_shells{{"bash", "bash", {"--noprofile", "--norc"}},
                                                  {"dash", "sh", {}},
                                                  {"zsh", "zsh", {"-f"}},
                                                  {"fish", "fish", {"--no-config"}},
                                                  {"tcsh", "tcsh", {"-f"}},
                                                  {"bsd-csh", "csh", {"-f"}}};

/// A shell in which the module command is there.
class ModuleShell {
 public:
  ModuleShell(ModuleKind kind, LoginShell shell) : kind_(kind), shell_(std::move(shell)) {
    REQUIRE(base::make_directories(directory_ / "modules"));
    REQUIRE(base::make_directories(directory_ / "empty"));
    directory_.write("empty/file", "");
  }

  void write(const std::string& name, const std::string& text) const {
    directory_.write("modules/" + name + (kind_ == ModuleKind::lmod ? ".lua" : ""), text);
  }

  /// As Tcl, whatever the system.
  void write_tcl(const std::string& name, const std::string& text) const {
    directory_.write("modules/" + name, text);
  }

  struct Seen {
    std::vector<Variables> states;  ///< before, and after each command
    std::string errors;
  };

  /// Runs `module COMMAND` for each command, in one shell.
  Seen run(const std::vector<std::string>& commands, const Variables& before) const {
    const bool lmod = kind_ == ModuleKind::lmod;
    const std::string init =
        shell_tools() + (lmod ? "/usr/share/lmod/lmod/init/" : "/usr/share/modules/init/");
    std::string script =
        (shell_.is_csh() || shell_.name == "fish" ? "source " : ". ") + init + shell_.init + "\n";
    std::size_t number = 0;
    const auto look = [&] {
      script += fmt::format("/usr/bin/env -0 > {}\n",
                            (directory_ / fmt::format("state{}", number++)).string());
    };
    look();
    for (const std::string& command : commands) {
      script += command + "\n";
      look();
    }
    directory_.write("script", script);
    base::ProcessRequest request;
    request.argv = {shell_.name};
    request.argv.insert(request.argv.end(), shell_.options.begin(), shell_.options.end());
    request.argv.push_back((directory_ / "script").string());
    request.environment = base::Environment(before);
    for (const auto& [name, value] :
         Variables{{"PATH", before.contains("PATH") ? before.at("PATH") : "/usr/bin:/bin"},
                   {"HOME", directory_.path().string()},
                   {"LC_ALL", "C.UTF-8"},
                   {"LMOD_PAGER", "none"},
                   {"MODULEPATH", (directory_ / "modules").string()}}) {
      request.environment.set(name, value);
    }
    request.directory = directory_ / "empty";
    const auto result = base::make_process_runner()->run(request);
    REQUIRE(result);
    Seen seen{{}, result->errors};
    for (std::size_t i = 0; i < number; ++i) seen.states.push_back(state(i));
    return seen;
  }

  bool executed_something() const {
    return base::list_directory(directory_ / "empty")->size() != 1;
  }

 private:
  Variables state(std::size_t number) const {
    Variables found;
    const auto output = base::read_file(directory_ / fmt::format("state{}", number));
    if (!output) return found;
    for (const std::string_view entry : base::split(*output, '\0')) {
      const std::size_t equal = entry.find('=');
      if (equal == std::string_view::npos) continue;
      const std::string name(entry.substr(0, equal));
      if (is_others(name)) continue;
      found[name] = std::string(entry.substr(equal + 1));
    }
    return found;
  }

  /// What shells and module systems keep for themselves.
  static bool is_others(const std::string& name) {
    for (const char* start : {"LMOD_", "__LMOD", "_LMFILES_", "_ModuleTable", "MODULE", "__MODULES",
                              "LOADEDMODULES", "BASH_FUNC_"}) {
      if (name.starts_with(start)) return true;
    }
    for (const char* own : {"_", "SHLVL", "PWD", "OLDPWD", "FPATH", "BASH_ENV", "ENV", "MANPATH",
                            "HOSTTYPE", "VENDOR", "OSTYPE", "MACHTYPE", "LOGNAME", "USER", "GROUP",
                            "HOST", "TERM", "TARG_TITLE_BAR_PAREN", "FISH_VERSION"}) {
      if (name == own) return true;
    }
    return false;
  }

  ModuleKind kind_;
  LoginShell shell_;
  test::TemporaryDirectory directory_;
};

}  // namespace hpcenv::shell
