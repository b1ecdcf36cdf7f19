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
#include "host/reader.hpp"
#include "net/http.hpp"
#include "ops/locations.hpp"
#include "ops/seams.hpp"

namespace hpcenv::cli {

class Session {
 public:
  Session(base::Environment environment, Settings settings, Output output, Verbosity verbosity);

  const base::Environment& environment() const { return environment_; }
  const Settings& settings() const { return settings_; }
  const Output& output() const { return output_; }
  const base::Clock& clock() const { return clock_; }
  base::Reporter& reporter();
  base::ProcessRunner& runner();
  const host::HostReader& reader();
  /// Kind usage where neither HPCENV_ROOT nor HOME says where things lie.
  Result<ops::Locations> locations() const;
  /// Makes the network client too: refused where a CA variable names a missing file.
  Result<ops::Seams> seams();
  /// Ends the progress line before data is printed.
  void end_progress();

 private:
  base::Environment environment_;
  Settings settings_;
  Output output_;
  Verbosity verbosity_;
  base::SystemClock clock_;
  std::unique_ptr<base::Reporter> reporter_;
  std::unique_ptr<base::ProcessRunner> runner_;
  std::unique_ptr<host::HostReader> reader_;
  std::unique_ptr<net::HttpClient> http_;
};

}  // namespace hpcenv::cli
