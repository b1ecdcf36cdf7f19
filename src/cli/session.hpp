// What a command works with: the settings, the output, and the five seams, made when first asked
// for. Known to cli only.
#pragma once

#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/environment.hpp"
#include "base/process.hpp"
#include "base/reporter.hpp"
#include "cli/output.hpp"
#include "cli/progress.hpp"
#include "cli/settings.hpp"
#include "conda/channel.hpp"
#include "host/reader.hpp"
#include "image/registry_connection.hpp"
#include "net/exchange.hpp"
#include "net/http.hpp"
#include "ops/locations.hpp"
#include "ops/seams.hpp"

namespace hpcenv::cli {

class Session {
 public:
  Session(base::Environment environment, Settings settings, Output output, Verbosity verbosity);

  const base::Environment& environment() const { return environment_; }
  /// shell::shell_lines, as csh's hook set it; `environment` is without it. Empty: another shell.
  const std::string& shell_lines() const { return shell_lines_; }
  const Settings& settings() const { return settings_; }
  const Output& output() const { return output_; }
  const base::Clock& clock() const { return clock_; }
  base::Reporter& reporter();
  base::ProcessRunner& runner();
  const host::HostReader& reader();
  /// From now on the reader and the runner are a machine as `probe --capture` wrote it, not this
  /// one. Kinds of host::open_captured_host.
  Result<> look_at_capture(const std::string& folder);
  bool is_captured() const { return captured_; }
  /// Before the first thing is written below the root: where nobody said where that is, it is
  /// chosen by room on the site's disks, on a terminal asked for, and remembered in the user's
  /// settings.
  enum class Remember { yes, no };
  Result<> settle_root(Remember remember);
  /// Kind usage where neither HPCENV_ROOT nor HOME says where things lie.
  Result<ops::Locations> locations() const;
  /// What words for channels mean, from the settings.
  Result<conda::ChannelRules> channel_rules() const;
  /// local_repodata_ttl; conda's 1 leaves it to the server, and to an hour where that says nothing.
  std::int64_t index_fresh_seconds() const;
  /// How servers would be asked. Refused as `seams`.
  Result<net::HttpOptions> network_options() const;
  ops::LocalSeams local_seams();
  /// Makes the network client too: refused where a CA variable names a missing file.
  Result<ops::Seams> seams();
  /// What a client of registries works with. Refused as `seams`.
  Result<image::RegistrySeams> registry_seams();
  /// Ends the progress line before data is printed.
  void end_progress();

 private:
  base::Environment environment_;
  std::string shell_lines_;
  Settings settings_;
  Output output_;
  Verbosity verbosity_;
  base::SystemClock clock_;
  std::unique_ptr<base::Reporter> reporter_;
  std::unique_ptr<base::ProcessRunner> runner_;
  std::unique_ptr<host::HostReader> reader_;
  std::unique_ptr<net::HttpClient> http_;
  std::unique_ptr<net::ExchangeClient> exchange_;
  bool captured_ = false;
};

}  // namespace hpcenv::cli
