// Which probes are under way: a file each below the user's state.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"
#include "ops/locations.hpp"
#include "ops/probe_record.hpp"

namespace hpcenv::ops {

/// Under the id of its first job.
Result<> register_probe(const Locations& locations, const ProbeRecord& record,
                        const std::filesystem::path& folder);
void unregister_probe(const Locations& locations, const ProbeRecord& record);

}  // namespace hpcenv::ops
