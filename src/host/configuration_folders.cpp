#include "host/configuration_folders.hpp"

namespace hpcenv::host {

namespace fs = std::filesystem;

fs::path user_configuration(const base::Environment& environment) {
  const fs::path config = environment.get_or("XDG_CONFIG_HOME", "");
  if (!config.empty()) return config / "hpcenv";
  const fs::path home = environment.get_or("HOME", "");
  return home.empty() ? fs::path() : home / ".config/hpcenv";
}

std::vector<fs::path> configuration_folders(const base::Environment& environment) {
  std::vector<fs::path> folders;
  for (fs::path folder :
       {user_configuration(environment), fs::path(environment.get_or("HPCENV_SITE", ""))}) {
    if (!folder.empty()) folders.push_back(std::move(folder));
  }
  folders.emplace_back("/etc/hpcenv");
  return folders;
}

}  // namespace hpcenv::host
