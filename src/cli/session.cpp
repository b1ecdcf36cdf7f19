#include "cli/session.hpp"

#include <filesystem>
#include <system_error>
#include <utility>

#include "net/ca_bundle.hpp"

namespace hpcenv::cli {
namespace {

std::string proxy_variable(const base::Environment& environment, const char* lower,
                           const char* upper) {
  return environment.get_or(lower, environment.get_or(upper, ""));
}

Result<net::HttpOptions> http_options(const base::Environment& environment) {
  net::HttpOptions options;
  HPCENV_ASSIGN(options.ca_bundle, net::ca_bundle(environment));
  options.user_agent = "hpcenv/" HPCENV_VERSION;
  options.https_proxy = proxy_variable(environment, "https_proxy", "HTTPS_PROXY");
  // The upper-case form is not read: a CGI server sets HTTP_PROXY from a request header.
  options.http_proxy = environment.get_or("http_proxy", "");
  options.no_proxy = proxy_variable(environment, "no_proxy", "NO_PROXY");
  return options;
}

}  // namespace

Session::Session(base::Environment environment, Settings settings, Output output,
                 Verbosity verbosity)
    : environment_(std::move(environment)),
      settings_(std::move(settings)),
      output_(output),
      verbosity_(verbosity) {}

base::Reporter& Session::reporter() {
  if (!reporter_) {
    reporter_ = make_terminal_reporter(output_, verbosity_);
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

const host::HostReader& Session::reader() {
  if (!reader_) {
    reader_ = host::make_linux_reader(environment_);
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
  if (locations.root.is_relative()) {
    locations.root = locations.working_directory / locations.root;
  }
  locations.state =
      environment_.get_or("XDG_STATE_HOME", (locations.home / ".local/state").string());
  locations.state /= "hpcenv";
  return locations;
}

Result<ops::Seams> Session::seams() {
  if (!http_) {
    HPCENV_ASSIGN(const net::HttpOptions options, http_options(environment_));
    HPCENV_ASSIGN(http_, net::make_http_client(options));
  }
  return ops::Seams{*http_, reader(), runner(), reporter(), clock_};
}

}  // namespace hpcenv::cli
