// The shells in which rendered lines are tried: those of this machine, and those that
// tests/shells/shell_tools.py unpacked.
#pragma once

#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/fs.hpp"
#include "base/process.hpp"

namespace hpcenv::shell {

struct PosixShell {
  std::string name;
  std::vector<std::string> argv;  ///< a script's file or -c follows
};

inline std::vector<PosixShell> posix_shells() {
  std::vector<std::string> folders{"/usr/bin", "/bin"};
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  if (const char* unpacked = std::getenv("HPCENV_SHELL_TOOLS")) {
    folders.push_back(std::string(unpacked) + "/usr/bin");
    folders.push_back(std::string(unpacked) + "/bin");
  }
  const auto found = [&](const std::string& program) -> std::string {
    for (const std::string& folder : folders) {
      std::string path = fmt::format("{}/{}", folder, program);
      if (base::path_exists(path)) return path;
    }
    return "";
  };
  std::vector<PosixShell> shells;
  const std::vector<std::pair<std::string, std::vector<std::string>>> known{
      {"dash", {}},
      {"bash", {"--posix"}},
      {"bash", {"--noprofile", "--norc"}},
      {"zsh", {"--emulate", "sh", "-o", "no_rcs"}},
      {"busybox", {"sh"}},
      {"mksh", {}},
      {"ksh93", {}}};
  for (const auto& [program, options] : known) {
    const std::string path = found(program);
    if (path.empty()) continue;
    PosixShell shell{program, {path}};
    shell.argv.insert(shell.argv.end(), options.begin(), options.end());
    shells.push_back(std::move(shell));
  }
  return shells;
}

}  // namespace hpcenv::shell
