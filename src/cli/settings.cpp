#include "cli/settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <system_error>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "cli/settings_files.hpp"
#include "host/configuration_folders.hpp"

namespace hpcenv::cli {
namespace {

constexpr auto table = std::to_array<SettingSpec>({
    {"root", "", "environments, packages and index lie below it"},
    {"jobs", "", "threads at work; default: as many as this process may use"},
    {"channels", "conda-forge", "where packages come from, by priority"},
    {"channel_priority", "strict", "strict, flexible or disabled"},
    {"channel_alias", "https://conda.anaconda.org", "what stands before a channel's bare name"},
    {"default_channels", "https://repo.anaconda.com/pkgs/main https://repo.anaconda.com/pkgs/r",
     "what the channel `defaults` stands for"},
    {"custom_channels", "", "NAME=LOCATION: where the channel NAME lies"},
    {"custom_multichannels", "", "NAME=CHANNELS: one name for several channels"},
    {"override_channels_enabled", "true", "whether --override-channels may be used"},
    {"allowlist_channels", "", "if set, no other channel is used"},
    {"denylist_channels", "", "channels that are never used"},
    {"envs_dirs", "", "where environments with a name are looked for; new ones go to the first"},
    {"pkgs_dirs", "", "package caches; packages go to the first"},
    {"pinned_packages", "", "specs that hold in every environment"},
    {"disallowed_packages", "", "specs of packages that are never taken"},
    {"create_default_packages", "", "specs that each new environment gets"},
    {"add_pip_as_python_dependency", "true", "whether python brings pip along"},
    {"override_virtual_packages", "", "NAME=VERSION, as CONDA_OVERRIDE_NAME does"},
    {"exclude_newer", "", "packages newer than this date are as if they were not there"},
    {"subdir", "", "the platform to solve for; default: this machine's"},
    {"solver", "dive", "dive, or libsolv: it searches among all packages (slow; to compare)"},
    {"offline", "false", "open no connection, use what is in the caches"},
    {"ssl_verify", "true", "true, false, or a file of certificates"},
    {"client_ssl_cert", "", "certificate to show to servers"},
    {"client_ssl_cert_key", "", "its key, where that is a file of its own"},
    {"proxy_servers", "", "SCHEME=URL or SCHEME://HOST=URL, before https_proxy and http_proxy"},
    {"remote_connect_timeout_secs", "10", "how long a connection may take to come up"},
    {"remote_read_timeout_secs", "30", "how long a server may send nothing"},
    {"remote_max_retries", "3", "how often a failed transfer is tried again"},
    {"remote_backoff_factor", "1", "how much longer is waited before each new try"},
    {"fetch_threads", "8", "connections at once"},
    {"local_repodata_ttl", "3600", "seconds that an index is taken as fresh, if no server says"},
    {"always_yes", "false", "ask nothing"},
    {"always_copy", "false", "copy files into environments, make no hard links"},
    {"safety_checks", "enabled",
     "what a file that differs from its package's list does: enabled (refused), warn, disabled"},
    {"extra_safety_checks", "false", "hash every file of the package cache before it is used"},
    {"register_envs", "true", "enter environments in ~/.conda/environments.txt"},
    {"protect_frozen_envs", "true", "change no environment that is marked as frozen"},
    {"no_lock", "false", "go on where a file system allows no lock"},
    {"changeps1", "true", "whether activation puts the environment's name before the prompt"},
    {"env_prompt", "({default_env}) ", "what is put there; also {name} and {prefix}"},
});

Result<> apply_file(Settings& settings, const SettingsFile& file,
                    const base::Environment& environment) {
  const auto text = base::read_file(file.path);
  if (!text) {
    return {};
  }
  const bool own = file.owner == SettingsFile::Owner::hpcenv;
  auto rc = conda::parse_condarc(
      *text, file.path, own ? conda::RcDialect::hpcenv : conda::RcDialect::conda, environment);
  if (!rc) {
    Error error = with_hint(std::move(rc).error(), "mend the file, or take the key out of it");
    if (!own) {
      error = with_hint(std::move(error), "--no-rc leaves the files of conda unread");
    }
    return Failure(std::move(error));
  }
  for (const auto& [key, value] : rc->values) {
    settings.merge(key, value, file.path);
  }
  for (const std::string& key : rc->without_effect) {
    settings.add_without_effect({key, file.path});
  }
  settings.add_file(file.path);
  return {};
}

std::string upper(std::string_view key) {
  std::string text(key);
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return text;
}

Result<> apply_variable(Settings& settings, const conda::RcKey& key, const std::string& variable,
                        const base::Environment& environment) {
  const auto text = environment.get(variable);
  if (!text || text->empty()) {
    return {};
  }
  HPCENV_ASSIGN(conda::RcValue value, conda::parse_rc_value(key, *text, variable));
  if (variable.starts_with("CONDA_")) {
    settings.merge(key.name, value, variable);
  } else {
    settings.set(key.name, std::move(value), variable);
  }
  return {};
}

Result<> apply_variables(Settings& settings, const base::Environment& environment) {
  for (const SettingSpec& spec : table) {
    const conda::RcKey& key = *conda::find_rc_key(spec.key);
    const std::string name = spec.key;
    if (key.dialect == conda::RcDialect::conda) {
      HPCENV_TRY(apply_variable(settings, key, "CONDA_" + upper(name), environment));
    }
    if (!key.older_name.empty() && key.older_name.find('_') != std::string_view::npos) {
      HPCENV_TRY(apply_variable(settings, key, "CONDA_" + upper(key.older_name), environment));
    }
    HPCENV_TRY(apply_variable(settings, key, variable_of(name), environment));
  }
  return {};
}

Settings initial_settings(const base::Environment& environment) {
  Settings settings;
  for (const SettingSpec& spec : table) {
    const conda::RcKey& key = *conda::find_rc_key(spec.key);
    conda::RcValue value;
    if (conda::holds_list(key.kind)) {
      for (const std::string_view word : base::split_words(spec.initial)) {
        value.list.emplace_back(word);
      }
    } else {
      value.text = spec.initial;
    }
    settings.set(spec.key, std::move(value), "default");
  }
  const std::string home = environment.get_or("HOME", "");
  const std::string data =
      environment.get_or("XDG_DATA_HOME", home.empty() ? "" : home + "/.local/share");
  settings.set_text("root", data.empty() ? "" : data + "/hpcenv", "default");
  return settings;
}

}  // namespace

std::optional<double> Settings::number(std::string_view key) const {
  const std::string& text = value(key);
  double number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc() && !text.empty() ? std::optional(number) : std::nullopt;
}

std::string Settings::shown(std::string_view key) const {
  return conda::rc_value_text(setting(key).value, setting(key).kind);
}

void Settings::set(std::string_view key, conda::RcValue value, std::string source) {
  Setting& setting = settings_[std::string(key)];
  if (setting.is_final()) {
    return;
  }
  setting = Setting{conda::find_rc_key(key)->kind, std::move(value), std::move(source)};
}

void Settings::set_text(std::string_view key, std::string text, std::string source) {
  conda::RcValue value;
  value.text = std::move(text);
  set(key, std::move(value), std::move(source));
}

void Settings::merge(std::string_view key, const conda::RcValue& value, const std::string& source) {
  Setting& known = settings_.at(std::string(key));
  if (known.is_final()) {
    return;
  }
  const bool single = !conda::holds_list(known.kind) && known.kind != conda::RcKind::table;
  if (single || known.source == "default") {
    known.value = value;
    known.source = source;
    return;
  }
  conda::merge_rc_value(known.value, value, known.kind);
  known.source = source + ", " + known.source;
}

std::span<const SettingSpec> all_settings() { return table; }

std::filesystem::path user_config_file(const base::Environment& environment) {
  const std::filesystem::path folder = host::user_configuration(environment);
  return folder.empty() ? folder : folder / "config.yml";
}

std::string variable_of(std::string_view key) { return "HPCENV_" + upper(key); }

Result<Settings> load_settings(const base::Environment& environment, RcFiles rc_files) {
  Settings settings = initial_settings(environment);
  std::set<std::string> read;
  for (const SettingsFile& file : settings_files(environment)) {
    if (rc_files == RcFiles::ignore && file.owner == SettingsFile::Owner::conda) {
      continue;
    }
    if (read.insert(file.path).second) {
      HPCENV_TRY(apply_file(settings, file, environment));
    }
  }
  HPCENV_TRY(apply_variables(settings, environment));
  return settings;
}

}  // namespace hpcenv::cli
