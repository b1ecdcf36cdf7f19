// How values that several commands show look, as text and as JSON.
#pragma once

#include <string>

#include "base/json_fwd.hpp"
#include "cli/output.hpp"
#include "cli/settings.hpp"
#include "conda/package_record.hpp"
#include "host/virtual_packages.hpp"
#include "ops/change.hpp"

namespace hpcenv::cli {

/// name version build build_number channel subdir fn url sha256 size
base::Json package_to_json(const conda::PackageRecord& record);
/// {link, unlink, fetch, budget, solved_for, notes} (docs/reference/json.md)
base::Json plan_to_json(const ops::ChangeDecision& decision);
/// The plan as a table: + installed, - removed, ~ changed, and what it costs.
std::string plan_text(const ops::ChangeDecision& decision, const Output& output);
/// What the user has to know of the choice, one line each; empty where there is nothing.
std::string notes_text(const ops::ChangeDecision& decision, const Output& output);
/// Which files of the user's are in the way of the plan.
std::string kept_text(const ops::ChangeDecision& decision);
enum class NamedBy { name, prefix };
/// One or two lines for stderr: what was done, and what to type next.
std::string end_text(const ops::ChangeDone& done, NamedBy named_by);
/// A setting's value in its own type: number, boolean, array, object, else text.
base::Json rc_value_to_json(const conda::RcValue& value, conda::RcKind kind);
/// {value, source}
base::Json setting_to_json(const Setting& setting);
base::Json virtual_packages_to_json(const host::VirtualPackages& virtual_packages);
/// The channel as a person calls it: what follows the well-known alias ("conda-forge/label/x"),
/// else the last part of its url.
std::string short_channel(const std::string& channel);
const char* name_of(host::VirtualPackage::Origin origin);

}  // namespace hpcenv::cli
