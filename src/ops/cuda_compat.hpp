// Forward compatibility of an environment on the node that runs it: never written down, as the same
// prefix is used on nodes with other drivers.
#pragma once

#include <filesystem>
#include <string>

#include "base/clock.hpp"
#include "host/reader.hpp"

namespace hpcenv::ops {

struct CompatDecision {
  std::string directory;  ///< to put in front of LD_LIBRARY_PATH; empty: nothing may be
  std::string words;      ///< why not, or what is left to chance; empty: nothing is to be said
};

/// Whether this node's driver and GPU may use PREFIX/cuda-compat (host/compat.hpp). Asks the driver
/// its version; its devices only where the kernel module does not name them. What would break CUDA
/// is never put in front.
CompatDecision decide_compat(const std::filesystem::path& prefix, const host::HostReader& reader,
                             const base::Clock& clock);

}  // namespace hpcenv::ops
