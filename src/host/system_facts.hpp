// What a node shows of its kernel and its limits: plain values with a JSON round trip.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/json_fwd.hpp"

namespace hpcenv::host {

/// A limit of the process that took the profile; nullopt: unlimited.
struct Limit {
  std::optional<std::uint64_t> soft;
  std::optional<std::uint64_t> hard;
};

/// nullopt: not known.
struct LimitFacts {
  std::optional<Limit> locked_bytes;   ///< RLIMIT_MEMLOCK
  std::optional<Limit> open_files;     ///< RLIMIT_NOFILE
  std::optional<Limit> processes;      ///< RLIMIT_NPROC, threads included
  std::optional<Limit> stack_bytes;    ///< RLIMIT_STACK
  std::optional<Limit> core_bytes;     ///< RLIMIT_CORE
  std::optional<Limit> address_bytes;  ///< RLIMIT_AS
};

struct RoomFacts {
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;
};

struct SystemFacts {
  LimitFacts limits;
  std::optional<RoomFacts> shared_memory;  ///< /dev/shm
  std::optional<RoomFacts> temporary;      ///< /tmp
  std::optional<bool> user_namespaces;     ///< whether users may make them
  std::optional<int> memfd_noexec;         ///< vm.memfd_noexec, 2: no program runs from memory
  std::optional<int> seccomp;              ///< 0 none, 1 strict, 2 a filter
  bool infiniband = false;
  std::string ca_bundle;  ///< the system's CA certificates; empty: none found, or not known
  std::string c_library;  ///< whose loader is there: "glibc", "musl"; empty: not known, or neither
  std::string container;  ///< "docker", "podman", "apptainer", "wsl", ...; empty: none seen
};

base::Json system_to_json(const SystemFacts& facts);
/// Members that are missing or of another type keep their defaults.
SystemFacts system_from_json(const base::Json& value);

}  // namespace hpcenv::host
