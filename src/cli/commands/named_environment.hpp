// The environment that -n, -p or the active one names, for commands that look at it.
#pragma once

#include "cli/command.hpp"
#include "ops/locations.hpp"
#include "prefix/state.hpp"

namespace hpcenv::cli {

/// Kind usage where none is named and none is active, not_found where there is none.
Result<ops::EnvironmentRef> named_environment(const Arguments& arguments,
                                              const ops::Locations& locations);
/// What is installed there, without the packages' paths.
Result<prefix::PrefixState> installed_in_named(const Arguments& arguments,
                                               const ops::Locations& locations);

}  // namespace hpcenv::cli
