// What the cluster offers, asked of Slurm and kept in a file per cluster.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"
#include "ops/seams.hpp"
#include "slurm/site.hpp"

namespace hpcenv::ops {

enum class SiteAge {
  recent,  ///< an answer of the last hour will do
  fresh,   ///< asked now
};

struct SiteAnswer {
  slurm::SiteProfile site;
  bool is_kept = false;  ///< of the cache
  std::string problem;   ///< why it is not fresh although that was wanted: the controller's words
};

/// $XDG_CACHE_HOME/hpcenv or ~/.cache/hpcenv; empty where neither variable is set.
std::filesystem::path cache_folder(const base::Environment& environment);

/// Where the controller does not answer, what was kept; told in 2 s. Kind not_found: no Slurm here;
/// network: no answer, and nothing kept. A cache that cannot be written is no failure.
Result<SiteAnswer> site_profile(SiteAge age, const LocalSeams& seams);

}  // namespace hpcenv::ops
