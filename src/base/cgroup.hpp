// What a control group leaves of the processors.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace hpcenv::base {

/// Processors that the quotas of a process's control groups and their ancestors allow, rounded up;
/// 0: no limit. `own` is the text of /proc/PID/cgroup, `mount` is /sys/fs/cgroup; versions 1
/// (cpu.cfs_quota_us) and 2 (cpu.max).
std::size_t processor_quota(std::string_view own, const std::filesystem::path& mount);

}  // namespace hpcenv::base
