// environment.yml (CEP 24).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hpcenv::conda {

struct EnvironmentFile {
  std::string name;
  std::string prefix;
  std::vector<std::string> channels;  ///< in order; "nodefaults" is not a channel and is not here
  bool no_defaults = false;
  std::vector<std::string> dependencies;  ///< match specs, each proven readable
  std::vector<std::string> pip;           ///< lines of a `pip:` section
  std::vector<std::pair<std::string, std::string>> variables;
  std::vector<std::string> platforms;
};

/// `source` (a path) stands in messages with line and column. Kind refused; bad_spec for a
/// dependency that is no match spec; unknown keys at the top are listed in `warnings`, an unknown
/// mapping under dependencies is an error.
Result<EnvironmentFile> parse_environment_file(std::string_view text, std::string_view source,
                                               std::vector<std::string>& warnings);

}  // namespace hpcenv::conda
