// CONTRACT. The cluster as Slurm shows it. Parsing is pure; ops runs the commands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_fwd.hpp"
#include "base/result.hpp"

namespace hpcenv::slurm {

struct Partition {
  std::string name;
  bool is_default = false;
  std::string state;              ///< "up", "down", ...
  std::string time_limit;         ///< as Slurm writes it: "1:00:00", "infinite"
  std::vector<std::string> gres;  ///< distinct, as nodes have them: "gpu:a100:2"
  std::vector<std::string> nodes;
};

struct SiteProfile {
  std::string slurm_version;
  std::vector<Partition> partitions;
};

/// Text of the `sinfo -h -N -O ...` call that `sinfo_arguments` names (facts/slurm.md 2: same
/// on 22.05 and 24.11).
std::vector<std::string> sinfo_arguments();
Result<SiteProfile> parse_sinfo(std::string_view text, std::string_view version_text);
const Partition* find_partition(const SiteProfile& site, std::string_view name);

}  // namespace hpcenv::slurm
