// `info --activation`: what entering an environment sets, and what makes it, for people and
// programs.
#pragma once

#include <map>
#include <string>

#include "base/json_fwd.hpp"
#include "ops/activate.hpp"

namespace hpcenv::cli {

struct ActivationReport {
  ops::KnownActivation known;
  std::map<std::string, std::string> packages;  ///< of each script, by its file name
};

std::string activation_text(const ActivationReport& report);
/// {recorded_at, variables, scripts, guards} (docs/reference/json.md)
base::Json activation_to_json(const ActivationReport& report);

}  // namespace hpcenv::cli
