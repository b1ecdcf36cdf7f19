// How values that several commands show look, as text and as JSON.
#pragma once

#include <string>

#include "base/json_fwd.hpp"
#include "cli/output.hpp"
#include "conda/package_record.hpp"
#include "host/virtual_packages.hpp"
#include "ops/create.hpp"

namespace hpcenv::cli {

/// name version build build_number channel subdir fn url sha256 size
base::Json package_to_json(const conda::PackageRecord& record);
/// {link, unlink, fetch, budget, solved_for, notes}
base::Json plan_to_json(const ops::CreateDecision& decision);
std::string plan_text(const ops::CreateDecision& decision, const Output& output);
base::Json virtual_packages_to_json(const host::VirtualPackages& virtual_packages);
/// The channel as a person calls it: what follows the well-known alias ("conda-forge/label/x"),
/// else the last part of its url.
std::string short_channel(const std::string& channel);
const char* name_of(host::VirtualPackage::Origin origin);

}  // namespace hpcenv::cli
