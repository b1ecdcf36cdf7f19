// Reads what `scontrol show` and sacctmgr print, in the forms that all versions have alike (their
// JSON differs from version to version). Lenient: a key that a version lacks stays empty. Pure.
#pragma once

#include <string_view>

#include "slurm/site.hpp"

namespace hpcenv::slurm {

/// Of `scontrol show config`.
void parse_configuration(std::string_view text, SiteProfile& site);

/// Of `scontrol -o show partition` and `scontrol -o show node`. Kind refused where there is text
/// but neither partition nor node.
Result<> parse_partitions(std::string_view partitions, std::string_view nodes, SiteProfile& site);

/// Of `sacctmgr -nP show assoc user=... format=cluster,account,partition,qos,defaultqos`: those of
/// the site's own cluster.
void parse_associations(std::string_view text, SiteProfile& site);
/// Of `sacctmgr -nP show user ... format=defaultaccount`.
void parse_default_account(std::string_view text, SiteProfile& site);

}  // namespace hpcenv::slurm
