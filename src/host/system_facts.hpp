// What a node shows of its kernel and its limits: plain values with a JSON round trip.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/json_fwd.hpp"

namespace hpcenv::host {

/// Soft limits of the process that took the profile; nullopt: unlimited or not known.
struct LimitFacts {
  std::optional<std::uint64_t> locked_bytes;  ///< RLIMIT_MEMLOCK
  std::optional<std::uint64_t> open_files;    ///< RLIMIT_NOFILE
};

struct SystemFacts {
  LimitFacts limits;
  std::string container;  ///< "docker", "podman", "apptainer", "wsl", ...; empty: none seen
};

base::Json system_to_json(const SystemFacts& facts);
/// Members that are missing or of another type keep their defaults.
SystemFacts system_from_json(const base::Json& value);

}  // namespace hpcenv::host
