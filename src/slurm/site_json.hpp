// A site profile as JSON: what is cached, and what `hpcenv slurm site --json` prints. Pure.
#pragma once

#include "base/json_fwd.hpp"
#include "slurm/site.hpp"

namespace hpcenv::slurm {

base::Json site_to_json(const SiteProfile& site);
/// Members that are missing or of another type keep their defaults.
SiteProfile site_from_json(const base::Json& value);

}  // namespace hpcenv::slurm
