// Looking at directories as places for files: what their file systems are, what they can do, and
// what quotas leave.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/process.hpp"
#include "host/reader.hpp"
#include "host/storage_facts.hpp"

namespace hpcenv::host {

/// This machine's answer to HostReader::places. All of it happens in processes with deadlines, one
/// for all places, and one each where that one hangs. Trials come one after the other, each in a
/// private directory `.hpcenv-probe-*` that is removed again, also where this process is killed.
std::vector<std::optional<MountFacts>> look_at_places(const std::vector<std::string>& paths,
                                                      Trial trial);

/// What a file system can do, tried in `directory`; nullopt where nothing can be made there.
std::optional<Abilities> try_abilities(const std::string& directory);

using NamedPaths = std::vector<std::pair<std::string, std::string>>;  ///< purpose, path

/// The same with mount points and quotas; those of which nothing is known are left out. Programs
/// that tell quotas run beside each other and have 5 s.
std::vector<MountFacts> storage_at(const NamedPaths& places, const HostReader& reader,
                                   base::ProcessRunner& runner);

/// Home, root, scratch, temporary files and the job's local disk, as the variables name them.
std::vector<MountFacts> node_storage(const HostReader& reader, base::ProcessRunner& runner);

}  // namespace hpcenv::host
