// An activation as the `Env` of an OCI image's configuration.
#pragma once

#include <string>
#include <vector>

#include "shell/activation.hpp"
#include "shell/refused_variable.hpp"

namespace hpcenv::shell {

struct OciEnvironment {
  std::vector<std::string> variables;  ///< NAME=VALUE, by name
  std::vector<RefusedVariable> refused;
};

/// What apply() makes of `base`, the environment that the image would start with. JSON holds UTF-8
/// alone: names and values that are none, and names that are empty or hold `=`, are refused. What
/// live scripts would do is not in it, and guards are the caller's to ask about.
OciEnvironment oci_environment(const Activation& activation, const base::Environment& base);

}  // namespace hpcenv::shell
