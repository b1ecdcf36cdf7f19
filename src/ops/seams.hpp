// The five places where the outside world enters (design.md section 5), as every pipeline gets
// them.
#pragma once

#include "base/clock.hpp"
#include "base/process.hpp"
#include "base/reporter.hpp"
#include "host/reader.hpp"
#include "net/http.hpp"

namespace hpcenv::ops {

/// References: the owner (cli/session) outlives every pipeline.
struct Seams {
  net::HttpClient& http;
  const host::HostReader& reader;
  base::ProcessRunner& runner;
  base::Reporter& reporter;
  const base::Clock& clock;
};

/// The same without the network client, which cannot be made where certificates are missing.
struct LocalSeams {
  const host::HostReader& reader;
  base::ProcessRunner& runner;
  base::Reporter& reporter;
  const base::Clock& clock;
};

}  // namespace hpcenv::ops
