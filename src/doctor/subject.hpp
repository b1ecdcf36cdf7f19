// What the doctor examines: the facts that its checks look at, gathered before.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "doctor/asked_facts.hpp"
#include "host/node_profile.hpp"
#include "host/reader.hpp"
#include "prefix/state.hpp"

namespace hpcenv::doctor {

/// What is recorded of one activation script of the environment.
struct ActivationScript {
  enum class Entry { recorded, live, refused };
  std::string name;  ///< of its file
  Entry entry = Entry::recorded;
  std::string reason;  ///< of the other two: "ends the shell (exit)"
};

/// Pointers are borrowed: whoever examines keeps what they point at.
struct Subject {
  const host::NodeProfile* profile = nullptr;  ///< the node that is judged
  std::string target;  ///< under whose name the node was profiled; empty: it is this machine
  /// This machine, for checks that look at more than a profile holds, and the shell that the user
  /// is in: its variables reach jobs, so they count where a target is judged too. Null: nobody
  /// looks.
  const host::HostReader* reader = nullptr;
  const prefix::PrefixState* environment = nullptr;  ///< null without -n
  std::string environment_name;
  /// Files of conda-meta that could not be read, each with the reason; `environment` lacks them.
  std::vector<std::string> unreadable_records;
  /// Absent where nothing is recorded yet.
  std::optional<std::vector<ActivationScript>> activation_scripts;
  std::filesystem::path scan_cache;  ///< what was found in libraries before; empty: nothing is kept
  std::int64_t now = 0;              ///< seconds since the epoch; 0: nobody looked
  /// Where things lie on this machine: "environment" (the examined one), "environments", "package
  /// cache", "home", "temporary files". Empty: what the profile holds.
  std::vector<host::MountFacts> places;
  std::vector<StoredTarget> targets;
  /// What others answered; absent where no chosen check asks.
  std::optional<SlurmFacts> slurm;
  std::optional<NetworkFacts> network;
};

}  // namespace hpcenv::doctor
