// The cluster as Slurm shows it. Parsing is pure; ops runs the commands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
  std::string slurm_version;  ///< "22.05.8"; empty where the text had none
  std::vector<Partition> partitions;
};

/// The command line of sinfo whose text is the same on 22.05 and 24.11 (facts/slurm.md 2).
std::vector<std::string> sinfo_arguments();
/// Reads what that sinfo printed, and what `sinfo --version` printed. Refused where a line is not
/// of that form; no line at all is a site without partitions.
Result<SiteProfile> parse_sinfo(std::string_view text, std::string_view version_text);
/// Owned by `site`; nullptr where there is none.
const Partition* find_partition(const SiteProfile& site, std::string_view name);

struct Gpus {
  std::string type;  ///< empty: any
  std::uint64_t count = 0;
};
/// The GPUs of one node from its gres: "gpu:a100:2(S:0-1),lscratch:800" has two of type a100.
std::vector<Gpus> gpus_of_gres(std::string_view gres);

/// Seconds of a Slurm time ("30" minutes, "30:00", "2:00:00", "1-12", "1-12:00:00"); the largest
/// number for "infinite", "unlimited"; nullopt for what is no time.
std::optional<std::uint64_t> time_seconds(std::string_view text);

}  // namespace hpcenv::slurm
