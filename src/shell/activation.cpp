#include "shell/activation.hpp"

#include <algorithm>
#include <array>

#include "base/fs.hpp"
#include "base/text.hpp"

namespace hpcenv::shell {
namespace {

using Kind = Operation::Kind;

// What a conda, mamba or virtual environment that was active leaves in the variables.
void add_clean_start(const std::string& libraries, std::vector<Operation>& operations) {
  operations.push_back({Kind::undo_effects, "", ""});
  operations.push_back({Kind::unset_functions, "", ""});
  operations.push_back({Kind::drop_environments, "PATH", ""});
  for (const char* name :
       {"CONDA_", "_CONDA_", "__CONDA_", "_CE_", "MAMBA_", "__MAMBA_", "__HPCENV_"}) {
    const bool settings = std::string_view(name) == "CONDA_";
    operations.push_back({Kind::unset_prefix, name, settings ? "CONDA_OVERRIDE_" : ""});
  }
  for (const char* name : {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"}) {
    operations.push_back({Kind::unset, name, ""});
  }
  for (const char* name : {"LD_LIBRARY_PATH", "LD_PRELOAD"}) {
    operations.push_back({Kind::drop_shadowing, name, libraries});
  }
}

// Mean something where a command begins, and confuse readers elsewhere.
constexpr std::array<std::string_view, 17> reserved_words = {
    "if",    "then", "else",  "elif",   "fi", "do",       "done", "case",  "esac",
    "while", "for",  "until", "select", "in", "function", "time", "coproc"};

}  // namespace

Activation activation_of(const ActivationInput& input) {
  Activation activation{input.prefix,   input.environment_name, {},
                        input.recorded, input.live_scripts,     {}};
  std::vector<Operation>& operations = activation.operations;
  add_clean_start(input.prefix + "/lib", operations);
  operations.push_back({Kind::prepend, "PATH", input.prefix + "/bin"});
  operations.push_back({Kind::set, "CONDA_PREFIX", input.prefix});
  operations.push_back({Kind::set, "CONDA_SHLVL", "1"});
  operations.push_back({Kind::set, "CONDA_DEFAULT_ENV",
                        input.environment_name.empty() ? input.prefix : input.environment_name});
  operations.push_back({Kind::set, "PYTHONNOUSERSITE", "1"});
  for (const auto& [name, value] : input.variables) {
    if (name == "PATH") continue;
    operations.push_back({value ? Kind::set : Kind::unset, name, value.value_or("")});
  }
  std::ranges::sort(activation.live_scripts);
  return activation;
}

Activation without_record(const Activation& activation) {
  Activation live = activation;
  live.live_scripts.insert(live.live_scripts.end(), live.recorded.scripts.begin(),
                           live.recorded.scripts.end());
  std::ranges::sort(live.live_scripts);
  live.recorded = {};
  return live;
}

bool is_variable_name(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  if (name.empty() || !letter(name.front())) return false;
  return std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

std::string quote_posix(std::string_view word) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:,@%";
  const bool reserved = std::ranges::find(reserved_words, word) != reserved_words.end();
  if (!word.empty() && !reserved && word.find_first_not_of(plain) == std::string_view::npos) {
    return std::string(word);
  }
  return "'" + base::replace_all(std::string(word), "'", "'\\''") + "'";
}

DiskLook look_at_disk() {
  DiskLook look;
  look.is_environment = [](const std::string& directory) {
    return base::path_exists(directory + "/conda-meta/history");
  };
  look.exists = [](const std::string& path) { return base::path_exists(path); };
  look.shadows = [](const std::string& directory, const std::string& libraries) {
    const auto names = base::list_directory(directory);
    return names && std::ranges::any_of(*names, [&](const std::string& name) {
             return name.find(".so") != std::string::npos &&
                    base::path_exists(libraries + "/" + name);
           });
  };
  return look;
}

}  // namespace hpcenv::shell
