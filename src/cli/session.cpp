#include "cli/session.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/fs.hpp"
#include "host/captured_reader.hpp"
#include "net/ca_bundle.hpp"
#include "shell/shell_change.hpp"

namespace hpcenv::cli {
namespace {

std::string proxy_variable(const base::Environment& environment, const char* lower,
                           const char* upper) {
  return environment.get_or(lower, environment.get_or(upper, ""));
}

std::chrono::milliseconds milliseconds_of(const Settings& settings, std::string_view key,
                                          std::chrono::milliseconds initial) {
  const auto seconds = settings.number(key);
  return seconds ? std::chrono::milliseconds(static_cast<std::int64_t>(*seconds * 1000)) : initial;
}

Result<> set_trust(const base::Environment& environment, const Settings& settings,
                   net::HttpOptions& options) {
  const std::string& verify = settings.value("ssl_verify");
  const bool is_word = verify == "true" || verify == "True" || verify == "truststore" ||
                       verify == "<truststore>" || verify == "system";
  if (is_word) {
    HPCENV_ASSIGN(options.ca_bundle, net::ca_bundle(environment));
    return {};
  }
  if (verify == "false" || verify == "False") {
    options.verify = net::HttpOptions::Verify::no;
    return {};
  }
  if (!base::path_exists(verify)) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("ssl_verify names {} (from {}), which is not there", verify,
                                 settings.setting("ssl_verify").source),
                     "correct it: hpcenv config set ssl_verify FILE");
  }
  options.ca_bundle = verify;
  return {};
}

Result<net::HttpOptions> http_options(const base::Environment& environment,
                                      const Settings& settings) {
  net::HttpOptions options;
  HPCENV_TRY(set_trust(environment, settings, options));
  options.user_agent = "hpcenv/" HPCENV_VERSION;
  options.https_proxy = proxy_variable(environment, "https_proxy", "HTTPS_PROXY");
  // The upper-case form is not read: a CGI server sets HTTP_PROXY from a request header.
  options.http_proxy = environment.get_or("http_proxy", "");
  options.no_proxy = proxy_variable(environment, "no_proxy", "NO_PROXY");
  for (const auto& [where, urls] : settings.table("proxy_servers")) {
    options.proxies.push_back({where, urls.empty() ? "" : urls.front()});
  }
  options.client_certificate = settings.value("client_ssl_cert");
  options.client_key = settings.value("client_ssl_cert_key");
  if (settings.flag("offline")) {
    options.offline = net::HttpOptions::Offline::yes;
  }
  options.connect_timeout =
      milliseconds_of(settings, "remote_connect_timeout_secs", options.connect_timeout);
  options.stall_timeout =
      milliseconds_of(settings, "remote_read_timeout_secs", options.stall_timeout);
  options.retry_delay = std::chrono::milliseconds(
      static_cast<std::int64_t>(500 * settings.number("remote_backoff_factor").value_or(1)));
  options.retries = static_cast<int>(settings.number("remote_max_retries").value_or(3));
  options.connections = std::max<std::size_t>(
      1, static_cast<std::size_t>(settings.number("fetch_threads").value_or(8)));
  return options;
}

// Settings stand for the variables of their meaning: conda's key for those that the standard names.
base::Environment with_overrides(base::Environment environment, const Settings& settings) {
  for (const auto& [name, versions] : settings.table("override_virtual_packages")) {
    std::string variable = "CONDA_OVERRIDE_";
    for (const char c : name.starts_with("__") ? name.substr(2) : name) {
      variable += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    if (!environment.has(variable)) {
      environment.set(std::move(variable), versions.empty() ? "" : versions.front());
    }
  }
  if (!settings.value("root").empty()) environment.set("HPCENV_ROOT", settings.value("root"));
  return environment;
}

std::vector<std::filesystem::path> folders_of(const Settings& settings, std::string_view key,
                                              const std::filesystem::path& own) {
  std::vector<std::filesystem::path> folders;
  for (const std::string& folder : settings.list(key)) {
    folders.emplace_back(folder);
  }
  if (std::ranges::find(folders, own) == folders.end()) {
    // Who names a root means it; a root by default gives way to what conda's files say.
    const bool first = !settings.is_default("root") || folders.empty();
    folders.insert(first ? folders.begin() : folders.end(), own);
  }
  return folders;
}

// The first that can be written is where packages go.
void writable_first(std::vector<std::filesystem::path>& folders) {
  const auto can_write = [](std::filesystem::path folder) {
    while (!base::path_exists(folder) && folder.has_relative_path()) {
      folder = folder.parent_path();
    }
    return access(folder.c_str(), W_OK) == 0;
  };
  const auto found = std::ranges::find_if(folders, can_write);
  if (found != folders.end()) {
    std::rotate(folders.begin(), found, found + 1);
  }
}

}  // namespace

Session::Session(base::Environment environment, Settings settings, Output output,
                 Verbosity verbosity)
    : environment_(std::move(environment)),
      settings_(std::move(settings)),
      output_(output),
      verbosity_(verbosity) {
  shell_lines_ = environment_.get_or(shell::shell_lines, "");
  environment_.unset(shell::shell_lines);
}

base::Reporter& Session::reporter() {
  if (!reporter_) {
    reporter_ = make_reporter(output_, verbosity_);
  }
  return *reporter_;
}

void Session::end_progress() {
  if (reporter_) {
    reporter_->step("");
  }
}

base::ProcessRunner& Session::runner() {
  if (!runner_) {
    runner_ = base::make_process_runner();
  }
  return *runner_;
}

Result<> Session::look_at_capture(const std::string& folder) {
  HPCENV_ASSIGN(reader_, host::open_captured_host(folder));
  HPCENV_ASSIGN(runner_, host::open_captured_programs(folder));
  captured_ = true;
  return {};
}

const host::HostReader& Session::reader() {
  if (!reader_) {
    reader_ = host::make_linux_reader(with_overrides(environment_, settings_));
  }
  return *reader_;
}

Result<ops::Locations> Session::locations() const {
  ops::Locations locations;
  locations.root = settings_.value("root");
  locations.home = environment_.get_or("HOME", "");
  if (locations.root.empty()) {
    return fail_hint(ErrorKind::usage, "neither HPCENV_ROOT nor HOME says where environments lie",
                     "give --root-prefix DIR, or set HPCENV_ROOT");
  }
  std::error_code failure;
  locations.working_directory = std::filesystem::current_path(failure);
  if (failure && locations.root.is_relative()) {
    return fail_hint(ErrorKind::io, "the working directory is gone",
                     "change to a directory that exists");
  }
  if (std::filesystem::is_regular_file(locations.root, failure)) {
    return fail_hint(
        ErrorKind::usage,
        fmt::format("{} (from {}) is a file, but environments and packages lie below it",
                    locations.root.string(), settings_.setting("root").source),
        "a list of packages is given with -f FILE; -r is the root directory");
  }
  if (locations.root.is_relative()) {
    locations.root = locations.working_directory / locations.root;
  }
  locations.active_prefix = environment_.get_or("CONDA_PREFIX", "");
  locations.environment_folders = folders_of(settings_, "envs_dirs", locations.root / "envs");
  locations.package_folders = folders_of(settings_, "pkgs_dirs", locations.root / "pkgs");
  writable_first(locations.package_folders);
  locations.state =
      environment_.get_or("XDG_STATE_HOME", (locations.home / ".local/state").string());
  locations.state /= "hpcenv";
  return locations;
}

Result<conda::ChannelRules> Session::channel_rules() const {
  conda::ChannelRules rules;
  HPCENV_ASSIGN(const ops::Locations where, locations());
  rules.working_directory = where.working_directory.string();
  rules.home = where.home.string();
  rules.alias = settings_.value("channel_alias");
  rules.default_channels = settings_.list("default_channels");
  for (const auto& [name, places] : settings_.table("custom_channels")) {
    if (!places.empty()) {
      rules.custom_channels.emplace_back(name, places.front());
    }
  }
  rules.multichannels = settings_.table("custom_multichannels");
  rules.allowed = settings_.list("allowlist_channels");
  rules.denied = settings_.list("denylist_channels");
  return rules;
}

std::int64_t Session::index_fresh_seconds() const {
  constexpr std::int64_t an_hour = 3600;
  const auto seconds = static_cast<std::int64_t>(
      settings_.number("local_repodata_ttl").value_or(static_cast<double>(an_hour)));
  return seconds == 1 ? an_hour : seconds;
}

Result<net::HttpOptions> Session::network_options() const {
  return http_options(environment_, settings_);
}

ops::LocalSeams Session::local_seams() { return {reader(), runner(), reporter(), clock_}; }

Result<ops::Seams> Session::seams() {
  if (!http_) {
    HPCENV_ASSIGN(const net::HttpOptions options, http_options(environment_, settings_));
    HPCENV_ASSIGN(http_, net::make_http_client(options));
  }
  return ops::Seams{*http_, reader(), runner(), reporter(), clock_};
}

Result<image::RegistrySeams> Session::registry_seams() {
  if (!exchange_) {
    HPCENV_ASSIGN(const net::HttpOptions options, http_options(environment_, settings_));
    exchange_ = net::make_exchange_client(options);
  }
  return image::RegistrySeams{*exchange_, runner(), clock_, environment_, reporter()};
}

}  // namespace hpcenv::cli
