// Where settings are looked for (facts/conda.md 4.10).
#pragma once

#include <string>
#include <vector>

#include "base/environment.hpp"

namespace hpcenv::cli {

struct SettingsFile {
  enum class Owner { conda, hpcenv };
  std::string path;
  Owner owner = Owner::conda;
};

/// Files that may exist, in order of rising weight: conda's of the system, hpcenv's of the system
/// and of the site ($HPCENV_SITE), conda's of the user, hpcenv's of the user, those of the active
/// environment, $CONDARC and $MAMBARC. `condarc.d` folders are listed.
std::vector<SettingsFile> settings_files(const base::Environment& environment);

}  // namespace hpcenv::cli
