#include "cli/settings_files.hpp"

#include "base/fs.hpp"
#include "cli/settings.hpp"

namespace hpcenv::cli {
namespace {

using Owner = SettingsFile::Owner;

// The three forms in which conda looks into each of its folders.
void add_conda_folder(const std::string& folder, std::vector<SettingsFile>& files) {
  files.push_back({folder + "/.condarc", Owner::conda});
  files.push_back({folder + "/condarc", Owner::conda});
  const std::string parts = folder + "/condarc.d";
  if (const auto names = base::list_directory(parts)) {
    for (const std::string& name : *names) {
      if (name.ends_with(".yml") || name.ends_with(".yaml")) {
        files.push_back({fmt::format("{}/{}", parts, name), Owner::conda});
      }
    }
  }
}

void add_user_files(const base::Environment& environment, std::vector<SettingsFile>& files) {
  const auto home = environment.get("HOME");
  if (const auto config = environment.get("XDG_CONFIG_HOME"); config && !config->empty()) {
    add_conda_folder(*config + "/conda", files);
  }
  if (home && !home->empty()) {
    if (environment.get_or("XDG_CONFIG_HOME", "") != *home + "/.config") {
      add_conda_folder(*home + "/.config/conda", files);
    }
    add_conda_folder(*home + "/.conda", files);
    files.push_back({*home + "/.condarc", Owner::conda});
    files.push_back({*home + "/.mambarc", Owner::conda});
  }
}

}  // namespace

std::vector<SettingsFile> settings_files(const base::Environment& environment) {
  std::vector<SettingsFile> files;
  add_conda_folder("/etc/conda", files);
  add_conda_folder("/var/lib/conda", files);
  for (const char* variable : {"CONDA_ROOT", "MAMBA_ROOT_PREFIX"}) {
    if (const auto root = environment.get(variable); root && !root->empty()) {
      add_conda_folder(*root, files);
      files.push_back({*root + "/.mambarc", Owner::conda});
    }
  }
  files.push_back({"/etc/hpcenv/config.yml", Owner::hpcenv});
  if (const auto site = environment.get("HPCENV_SITE"); site && !site->empty()) {
    files.push_back({*site + "/config.yml", Owner::hpcenv});
  }
  add_user_files(environment, files);
  if (const auto own = user_config_file(environment); !own.empty()) {
    files.push_back({own.string(), Owner::hpcenv});
  }
  if (const auto prefix = environment.get("CONDA_PREFIX"); prefix && !prefix->empty()) {
    add_conda_folder(*prefix, files);
  }
  for (const char* variable : {"CONDARC", "MAMBARC"}) {
    if (const auto file = environment.get(variable); file && !file->empty()) {
      files.push_back({*file, Owner::conda});
    }
  }
  return files;
}

}  // namespace hpcenv::cli
