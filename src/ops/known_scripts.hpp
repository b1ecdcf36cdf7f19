// What is known of the activation scripts of a prefix: read where it was recorded, recorded where
// it was not.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "ops/activation_record.hpp"
#include "ops/locations.hpp"
#include "ops/seams.hpp"
#include "shell/activation.hpp"

namespace hpcenv::ops {

/// etc/conda/activate.d/*.sh, absolute, bytewise order.
std::vector<std::string> activate_scripts(const std::filesystem::path& prefix);

/// PREFIX/.hpcenv/activation.json, and where that cannot be written a file below the root.
std::filesystem::path record_in_prefix(const std::filesystem::path& prefix);
std::filesystem::path record_in_cache(const Locations& locations, const std::string& prefix);

/// Nothing where there is no bash, or no place to record in. `activation` is what the scripts find.
/// Kinds interrupted and terminated.
Result<std::optional<ActivationRecord>> known_scripts(const shell::Activation& activation,
                                                      const std::vector<std::string>& scripts,
                                                      const Locations& locations,
                                                      const LocalSeams& seams);

/// What is on disk and holds now, without recording anything.
std::optional<ActivationRecord> scripts_on_record(const shell::Activation& activation,
                                                  const std::vector<std::string>& scripts,
                                                  const Locations& locations,
                                                  const host::HostReader& reader);

}  // namespace hpcenv::ops
