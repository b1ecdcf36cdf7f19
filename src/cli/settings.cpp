#include "cli/settings.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "conda/channel.hpp"
#include "conda/condarc.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array priorities{"strict", "flexible", "disabled"};
constexpr std::array solvers{"dive", "libsolv"};

// The files of conda's search path that a user of a cluster has, in order; later ones win (facts:
// conda's documentation of condarc).
std::vector<std::string> condarc_files(const base::Environment& environment) {
  std::vector<std::string> files{"/etc/conda/.condarc", "/etc/conda/condarc"};
  if (const auto home = environment.get("HOME")) {
    const std::string config = environment.get_or("XDG_CONFIG_HOME", *home + "/.config");
    for (const char* name : {"/conda/.condarc", "/conda/condarc"}) {
      files.push_back(config + name);
    }
    for (const char* name : {"/.conda/.condarc", "/.conda/condarc", "/.condarc", "/.mambarc"}) {
      files.push_back(*home + name);
    }
  }
  for (const char* variable : {"CONDARC", "MAMBARC"}) {
    if (const auto file = environment.get(variable); file && !file->empty()) {
      files.push_back(*file);
    }
  }
  return files;
}

Result<> apply_condarc(Settings& settings, const std::string& file) {
  const auto text = base::read_file(file);
  if (!text) {
    return {};
  }
  HPCENV_ASSIGN(const conda::Condarc rc, conda::parse_condarc(*text, file));
  if (!rc.channels.empty()) {
    settings.set("channels", base::join(rc.channels, " "), file);
  }
  if (rc.channel_alias) {
    settings.set("channel_alias", *rc.channel_alias, file);
  }
  if (rc.channel_priority) {
    settings.set("channel_priority", *rc.channel_priority, file);
  }
  return {};
}

Result<> check_values(const Settings& settings) {
  const Setting& priority = settings.setting("channel_priority");
  if (std::ranges::find(priorities, priority.value) == priorities.end()) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("channel_priority '{}' (from {}) is none that hpcenv knows",
                                 priority.value, priority.source),
                     "use strict, flexible or disabled");
  }
  const Setting& solver = settings.setting("solver");
  if (std::ranges::find(solvers, solver.value) == solvers.end()) {
    return fail_hint(
        ErrorKind::refused,
        fmt::format("solver '{}' (from {}) is none that hpcenv knows", solver.value, solver.source),
        "use dive or libsolv");
  }
  return {};
}

}  // namespace

void Settings::set(std::string_view key, std::string value, std::string source) {
  settings_[std::string(key)] = Setting{std::move(value), std::move(source)};
}

std::vector<std::string> Settings::list(std::string_view key) const {
  std::vector<std::string> words;
  for (std::string_view word : base::split_words(value(key))) {
    words.emplace_back(word);
  }
  return words;
}

std::span<const SettingSpec> all_settings() {
  static constexpr std::array settings{
      SettingSpec{"root", "HPCENV_ROOT", "environments, packages and index lie below it"},
      SettingSpec{"channels", "HPCENV_CHANNELS", "channels by priority, with blanks between"},
      SettingSpec{"channel_alias", "HPCENV_CHANNEL_ALIAS",
                  "what stands before a channel's bare name"},
      SettingSpec{"channel_priority", "HPCENV_CHANNEL_PRIORITY", "strict, flexible or disabled"},
      SettingSpec{"solver", "HPCENV_SOLVER",
                  "dive, or libsolv: it searches among all packages (slow; to compare)"},
  };
  return settings;
}

Result<Settings> load_settings(const base::Environment& environment, RcFiles rc_files) {
  Settings settings;
  const std::string home = environment.get_or("HOME", "");
  const std::string data =
      environment.get_or("XDG_DATA_HOME", home.empty() ? "" : home + "/.local/share");
  settings.set("root", data.empty() ? "" : data + "/hpcenv", "default");
  settings.set("channels", "conda-forge", "default");
  settings.set("channel_alias", std::string(conda::default_channel_alias), "default");
  settings.set("channel_priority", "strict", "default");
  settings.set("solver", "dive", "default");
  if (rc_files == RcFiles::read) {
    for (const std::string& file : condarc_files(environment)) {
      HPCENV_TRY(apply_condarc(settings, file));
    }
  }
  for (const SettingSpec& spec : all_settings()) {
    if (const auto value = environment.get(spec.variable); value && !value->empty()) {
      settings.set(spec.key, *value, spec.variable);
    }
  }
  HPCENV_TRY(check_values(settings));
  return settings;
}

}  // namespace hpcenv::cli
