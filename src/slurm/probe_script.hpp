// The script of the job that looks at a node (slurm/probe.sh). Pure.
#pragma once

#include <string>

namespace hpcenv::slurm {

/// `folder` holds the program `hpcenv` whose sha256 is `digest`; it is run only if it is that.
std::string probe_script(const std::string& folder, const std::string& digest,
                         const std::string& version);

}  // namespace hpcenv::slurm
