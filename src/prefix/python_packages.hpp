// What pip or uv put into an environment: distributions that no conda record owns.
#pragma once

#include <string>
#include <vector>

#include "prefix/state.hpp"

namespace hpcenv::prefix {

struct PythonPackage {
  std::string name;  ///< as its metadata says
  std::string version;
  std::string installer;  ///< "pip", "uv", ...; empty where it is not said
  std::string origin;     ///< the url that it came from, where it came by one
  bool editable = false;
};

/// Of site-packages of the environment's python, by name; empty without python. What cannot be read
/// is left out. The state need not hold paths.
std::vector<PythonPackage> python_packages(const PrefixState& state);

}  // namespace hpcenv::prefix
