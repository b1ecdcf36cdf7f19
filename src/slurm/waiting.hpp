// Why a job waits, and whether waiting helps. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hpcenv::slurm {

/// What has to change before a job with this reason can start; nullopt: it starts by itself, later.
std::optional<std::string> never_starts(std::string_view reason);

/// StartTime of `scontrol -o show job`; empty where Slurm does not know yet.
std::string start_time(std::string_view scontrol_text);

}  // namespace hpcenv::slurm
