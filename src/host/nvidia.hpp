// NVIDIA's driver on this machine: what the kernel shows, and what each libcuda answers.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "host/node_profile.hpp"
#include "host/reader.hpp"

namespace hpcenv::host {

struct NvidiaProbe {
  NvidiaFacts facts;
  std::string glibc;  ///< the helper says it along the way; empty where it cannot run
};

/// Takes at most 12 s for versions and 40 s more for devices, whatever the libraries do.
NvidiaProbe probe_nvidia(const HostReader& reader, const base::Clock& clock, ProbeDepth depth,
                         ProbeScope scope = ProbeScope::everything);

}  // namespace hpcenv::host
